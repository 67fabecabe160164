"""Projection of points by pinhole cameras, at sparse observations."""

from __future__ import annotations

import torch
from torch import Tensor


def camera_centers(rotations: Tensor, translations: Tensor) -> Tensor:
    """The positions of cameras ``x -> R x + t`` in the world, ``-R^T t``: ``(..., 3)``."""
    return -(rotations.mT @ translations[..., None]).squeeze(-1)


def camera_coordinates(rotations: Tensor, translations: Tensor, points: Tensor) -> Tensor:
    """Points in the frames of their cameras, ``R x + t``: ``(N, 3, 3)``, ``(N, 3)``, ``(N, 3)`` to ``(N, 3)``."""
    return torch.einsum("nij,nj->ni", rotations, points) + translations


def reprojection_residuals(
    rotations: Tensor, translations: Tensor, points: Tensor, camera: Tensor, point: Tensor, xy: Tensor, focal: Tensor
) -> tuple[Tensor, Tensor]:
    """The differences between projected and observed points, in pixels, and the depths.

    Args:
        rotations: ``(cameras, 3, 3)``.
        translations: ``(cameras, 3)``.
        points: ``(points, 3)``.
        camera: ``(N,)`` int64, of each observation.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``, observed, normalized by the inverse of the intrinsics.
        focal: ``(N, 2)``, pixels.

    Returns:
        Residuals ``(N, 2)`` and depths ``(N,)``; where a depth is not positive, the residual means nothing.
    """
    seen = camera_coordinates(rotations[camera], translations[camera], points[point])
    return (seen[:, :2] / seen[:, 2:] - xy) * focal, seen[:, 2]
