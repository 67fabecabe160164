"""Input features of points: moments of the cloud about them at several radii."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.functions import spherical_harmonics

RADII = (0.15, 0.3, 0.6)
"""Of the neighborhoods, where the larger cloud of a pair has radius 1."""
_SCALARS = 6
REP_IN = f"{_SCALARS * len(RADII) + 1}x0 + {2 * len(RADII)}x1 + {len(RADII)}x2"
_MOST_POINTS = 4096


def moment_features(points: Tensor, centers: Tensor) -> Tensor:
    r"""The weighted mean m and second moments M of the points about each center, for each radius R.

    .. math:: w_j = (1 - |x_j - c|^2 / R^2)_+^2, \qquad m = \frac{\sum_j w_j (x_j - c)}{R \sum_j w_j}, \qquad
        M = \frac{\sum_j w_j (x_j - c) (x_j - c)^T}{R^2 \sum_j w_j}

    (zero where no point is within R) as the invariants tr M, m^T m, tr M^2, m^T M m and tr M^3, the vectors m and M m,
    and the traceless part of M; and, of opposite sign for mirror images, the determinants 8 [m, M m, M^2 m] of each
    radius and [m_1, m_2, m_3] of all three.

    Args:
        points: ``(N, 3)``; a part of them where there are many.
        centers: ``(C, 3)``.

    Returns:
        ``(C, d)``, of the representation `REP_IN` of SO(3).
    """
    points = points[:: -(-len(points) // _MOST_POINTS)]
    squared = torch.cdist(centers, points, compute_mode="donot_use_mm_for_euclid_dist").square()
    basis = _quadratic_forms().to(points)
    squares = (points[:, :, None] * points[:, None]).flatten(1)
    scalars, vectors, tensors = [], [], []
    for radius in RADII:
        weights = (1 - squared / radius**2).clamp_min(0).square()
        total = weights.sum(1, keepdim=True)
        weights = weights / total.clamp_min(1e-12)
        mean = weights @ points
        second = (weights @ squares).unflatten(1, (3, 3)) - mean[:, :, None] * mean[:, None]
        offset = torch.where(total > 0, mean - centers, 0.0) / radius
        second = second / radius**2 + offset[:, :, None] * offset[:, None]
        turned = (second @ offset[:, :, None])[:, :, 0]
        trace = second.diagonal(dim1=1, dim2=2).sum(1)
        square = second @ second
        twice = (second @ turned[:, :, None])[:, :, 0]
        handed = 8 * torch.linalg.cross(offset, turned).mul(twice).sum(1)
        scalars += [trace, offset.square().sum(1), square.diagonal(dim1=1, dim2=2).sum(1), (offset * turned).sum(1)]
        scalars += [(square * second).sum((1, 2)), handed]
        vectors += [offset, turned]
        tensors.append(torch.einsum("mij,nij->nm", basis, second))
    means = vectors[::2]
    scalars.append(torch.linalg.cross(means[0], means[1]).mul(means[2]).sum(1))
    return torch.cat([4 * torch.stack(scalars, 1), 2 * torch.cat(vectors, 1), 2 * torch.cat(tensors, 1)], 1)


def _quadratic_forms() -> Tensor:
    """``(5, 3, 3)``: the symmetric matrices A with Y_2m(x) = x^T A_m x."""
    axes = torch.eye(3, dtype=torch.float64)
    sums = (axes[:, None] + axes).reshape(9, 3)
    values: Tensor = _harmonics(sums).unflatten(0, (3, 3)) - _harmonics(axes)[:, None] - _harmonics(axes)
    forms: Tensor = values.movedim(-1, 0) / 2
    return forms


def _harmonics(vectors: Tensor) -> Tensor:
    """``(N, 5)``: solid harmonics of degree 2, quadratic in the vectors."""
    every: Tensor = spherical_harmonics(2, vectors, normalize=False, normalization="norm")
    return every[:, 4:]
