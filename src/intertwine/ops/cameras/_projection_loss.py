"""Reprojection loss with a hinge for points behind their cameras."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_HINGE = 1e-4


def projection_loss(projections: Tensor, points: Tensor, camera: Tensor, point: Tensor, xy: Tensor) -> Tensor:
    r"""The mean distance of projections from observations; of points behind a camera, how far behind.

    .. math:: \frac{1}{N} \sum_{(i, j)} \begin{cases} \lVert \pi(P_i X_j) - x_{ij} \rVert & (P_i X_j)_3 \ge h \\
        h - (P_i X_j)_3 & \text{otherwise} \end{cases}, \qquad h = 10^{-4}

    The gradient with respect to each ``P_i X_j`` is scaled to the length ``1 / N``, whatever the distance of the point,
    times the factor that the loss is multiplied by.

    Args:
        projections: ``(cameras, 3, 4)``.
        points: ``(points, 3)``.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``, normalized as the projections are.

    Returns:
        A scalar.

    Reference: Moran et al., Deep Permutation Equivariant Structure from Motion, ICCV 2021, eq. 5 to 7.

    Example:
        >>> camera = torch.eye(3, 4)[None]
        >>> where = torch.tensor([0])
        >>> projection_loss(camera, torch.tensor([[1.0, 0.0, 2.0]]), where, where, torch.zeros(1, 2)).item()
        0.5
    """
    matrices = projections[camera]
    seen = torch.einsum("nij,nj->ni", matrices[..., :3], points[point]) + matrices[..., 3]
    depth = seen[:, 2]
    front = depth >= _HINGE
    error = (seen[:, :2] / torch.where(front, depth, 1.0)[:, None] - xy).square().sum(1)
    distance = torch.where(front, error, 1.0).clamp_min(1e-30).sqrt()
    terms = torch.where(front, distance, _HINGE - depth)
    if seen.requires_grad:
        of_terms: list[Tensor] = []  # The gradient of each term, which comes before that of each P X.
        terms.register_hook(of_terms.append)
        seen.register_hook(lambda gradient: normalize(gradient, dim=1, eps=1e-30) * of_terms.pop().abs()[:, None])
    return terms.mean()
