"""Least-squares alignment of corresponding vectors and points: rotation, rigid motion, similarity."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.alignment._procrustes import nearest_rotation


class RigidMotion(NamedTuple):
    """The motion ``x -> R x + t``: a rotation ``(..., 3, 3)`` and a translation ``(..., 3)``."""

    rotation: Tensor
    translation: Tensor


class Similarity(NamedTuple):
    """The similarity ``x -> s R x + t``: scale ``(...)``, rotation ``(..., 3, 3)`` and translation ``(..., 3)``."""

    scale: Tensor
    rotation: Tensor
    translation: Tensor


def procrustes(features_1: Tensor, features_2: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""The rotations that turn vectors onto corresponding vectors, in the least-squares sense.

    .. math:: R = \arg\min_{R \in SO(3)} \sum_c w_c \lVert f_{2,c} - R f_{1,c} \rVert^2
        = \operatorname{nearest\_rotation} \Bigl( \sum_c w_c f_{2,c} f_{1,c}^T \Bigr).

    Args:
        features_1: ``(..., channels, 3)``: vectors of the first object.
        features_2: ``(..., channels, 3)``: vectors of the second.
        weights: ``(..., channels)``, not negative; equal weights if None.

    Returns:
        ``(..., 3, 3)``, of determinant +1 for mirrored vectors too; the identity where all vectors are zero.

    Raises:
        UsageError: If the shapes do not fit.

    Law:
        With ``features_1`` turned by A and ``features_2`` by B, the rotation becomes ``B @ R @ A.mT``; with the two
        exchanged it becomes ``R.mT``.

    References:
        Zhu, Ghaffari, Peng, Correspondence-free point cloud registration with SO(3)-equivariant implicit shape
        representations, CoRL 2021, Eq. 9.

    Example:
        >>> axes = torch.eye(3)
        >>> procrustes(axes, axes[[1, 2, 0]]).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    _check(features_1, features_2, weights, "procrustes")
    return nearest_rotation(_covariance(features_1, features_2, weights))


def rigid_alignment(points_1: Tensor, points_2: Tensor, weights: Tensor | None = None) -> RigidMotion:
    r"""The rotation and translation that move points onto corresponding points, in the least-squares sense.

    .. math:: (R, t) = \arg\min \sum_i w_i \lVert x_{2,i} - R x_{1,i} - t \rVert^2, \qquad
        t = \bar x_2 - R \bar x_1

    with weighted means, and R from the covariance of the centered points.

    Args:
        points_1: ``(..., points, 3)``, at least one.
        points_2: ``(..., points, 3)``.
        weights: ``(..., points)``, not negative, of positive sum; equal weights if None.

    Returns:
        The motion. Of points on a line, or of fewer than three, one motion of the many that are best.

    Raises:
        UsageError: If the shapes do not fit or there is no point.

    Law:
        With ``points_1`` moved by g and ``points_2`` by h, the motion becomes ``h o motion o g^-1``.

    Example:
        >>> points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
        >>> rigid_alignment(points, points + torch.tensor([1.0, 2.0, 3.0])).translation.round(decimals=4).tolist()
        [1.0, 2.0, 3.0]
    """
    _check(points_1, points_2, weights, "rigid_alignment", least=1)
    mean_1, mean_2 = _mean(points_1, weights), _mean(points_2, weights)
    rotation = nearest_rotation(_covariance(points_1 - mean_1, points_2 - mean_2, weights))
    return RigidMotion(rotation, (mean_2 - mean_1 @ rotation.mT).squeeze(-2))


def similarity_alignment(points_1: Tensor, points_2: Tensor, weights: Tensor | None = None) -> Similarity:
    r"""The scale, rotation and translation that move points onto corresponding points, in the least-squares sense.

    .. math:: s = \frac{\operatorname{tr}(R^T M)}{\sum_i w_i \lVert x_{1,i} - \bar x_1 \rVert^2}, \qquad
        M = \sum_i w_i (x_{2,i} - \bar x_2)(x_{1,i} - \bar x_1)^T

    with R as in :func:`rigid_alignment`; the scale is not negative, and zero where the first points coincide.

    Args:
        points_1: ``(..., points, 3)``, at least one.
        points_2: ``(..., points, 3)``.
        weights: ``(..., points)``, not negative, of positive sum; equal weights if None.

    Returns:
        The similarity.

    Raises:
        UsageError: If the shapes do not fit or there is no point.

    References:
        Umeyama, Least-squares estimation of transformation parameters between two point patterns, 1991, Eq. 40 to 43.

    Example:
        >>> points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
        >>> round(similarity_alignment(points, 2 * points + 1).scale.item(), 4)
        2.0
    """
    _check(points_1, points_2, weights, "similarity_alignment", least=1)
    mean_1, mean_2 = _mean(points_1, weights), _mean(points_2, weights)
    centered = points_1 - mean_1
    covariance = _covariance(centered, points_2 - mean_2, weights)
    rotation = nearest_rotation(covariance)
    spread = _weighted(centered.square(), weights).sum((-2, -1))
    overlap = (rotation * covariance).sum((-2, -1))
    scale = torch.where(spread > 0, overlap / torch.where(spread > 0, spread, 1), 0)
    translation = mean_2 - scale[..., None, None] * (mean_1 @ rotation.mT)
    return Similarity(scale, rotation, translation.squeeze(-2))


def _weighted(values: Tensor, weights: Tensor | None) -> Tensor:
    return values if weights is None else values * weights[..., None]


def _covariance(first: Tensor, second: Tensor, weights: Tensor | None) -> Tensor:
    """The sum of ``w second first^T``: ``(..., 3, 3)``."""
    return second.mT @ _weighted(first, weights)


def _mean(points: Tensor, weights: Tensor | None) -> Tensor:
    """The weighted mean as ``(..., 1, 3)``."""
    if weights is None:
        return points.mean(-2, keepdim=True)
    return _weighted(points, weights).sum(-2, keepdim=True) / weights.sum(-1)[..., None, None]


def _check(first: Tensor, second: Tensor, weights: Tensor | None, name: str, least: int = 0) -> None:
    if first.shape[-1:] != (3,) or first.dim() < 2 or first.shape[-2:] != second.shape[-2:]:
        raise UsageError(
            f"{name} expects two tensors (..., n, 3) of corresponding vectors, got {tuple(first.shape)} and "
            f"{tuple(second.shape)}"
        )
    if first.shape[-2] < least:
        raise UsageError(f"{name} expects at least {least} pair of points, got none")
    if weights is not None and weights.shape[-1:] != first.shape[-2:-1]:
        raise UsageError(
            f"{name} expects weights (..., {first.shape[-2]}), one for each pair, got {tuple(weights.shape)}"
        )
