"""Histogram of the shapes of neighborhoods, and of the spread of the normals in them."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.descriptors._histograms import soft_histogram
from intertwine.ops.graph import segment_mean

_SHAPE, _SPREAD = (8, 8), (8, 4)
_SMALL = 1e-6
_ISOTROPIC = 3**-0.5


def surface_histogram(positions: Tensor, normals: Tensor, edges: Tensor, batch: Tensor, num_clouds: int) -> Tensor:
    """Joint histograms of invariants of the second moments of positions and normals around each point.

    With C_i the covariance of the neighbors of a point and Q_i the mean of their n n^T, both divided by their trace,
    the histograms are those of the pairs

        (sqrt(tr C^2), sqrt(27 det C))     and     (sqrt(tr Q^2), sqrt(27 det Q)),

    which are (1, 0) on a line, (0.71, 0) in a plane and (0.58, 1) for what is the same in all directions. The result
    is the square root of the shares. The moments are summed in float64: of a plane, the determinant in float32 is
    nothing but rounding.

    Args:
        positions: ``(N, 3)``.
        normals: ``(N, 3)`` unit normals up to sign.
        edges: ``(2, E)``, source row over target row.
        batch: ``(N,)`` cloud of each point, sorted.
        num_clouds: How many clouds there are.

    Returns:
        ``(num_clouds, 96)``: 8 by 8 bins of positions, 8 by 4 of normals.

    Law: the same for ``(s Q x + t, ±Q n)``, Q in O(3), s > 0, and for points in another order.

    Reference: Weinmann et al., Semantic point cloud interpretation based on optimal neighborhoods, ISPRS Journal 2015,
    for features of the second moments.

    Example:
        >>> points, normals = torch.randn(40, 3), torch.eye(3)[torch.arange(40) % 3]
        >>> edges = torch.stack([torch.arange(40).roll(1), torch.arange(40)])
        >>> surface_histogram(points, normals, edges, torch.zeros(40, dtype=torch.int64), 1).shape
        torch.Size([1, 96])
    """
    source, target = edges
    vectors = (positions.index_select(0, source) - positions.index_select(0, target)).to(torch.float64)
    moments = torch.cat([vectors, _squares(vectors), _squares(normals.to(torch.float64)).index_select(0, source)], 1)
    mean, moment, spread = segment_mean(moments, target, len(positions)).split((3, 6, 6), 1)
    histograms = []
    for matrix, bins in ((moment - _squares(mean), _SHAPE), (spread, _SPREAD)):
        first, second = (each.to(positions.dtype) for each in _invariants(matrix))
        joint = soft_histogram(first, _ISOTROPIC, 1.0, bins[0])[:, :, None]
        joint = joint * soft_histogram(second, 0.0, 1.0, bins[1])[:, None, :]
        histograms.append(segment_mean(joint.flatten(1), batch, num_clouds))
    return torch.sqrt(torch.cat(histograms, 1) + _SMALL)


def _squares(vectors: Tensor) -> Tensor:
    """``(n, 6)``: xx, yy, zz, xy, yz, zx of ``v v^T``."""
    return torch.cat([vectors.square(), vectors * vectors.roll(-1, 1)], 1)


def _invariants(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """``sqrt(tr M^2)`` and ``sqrt(27 det M)`` of the matrices divided by their trace; isotropic where that is zero."""
    trace = matrix[:, :3].sum(1, keepdim=True)
    empty = trace <= 0
    scaled = matrix / torch.where(empty, 1.0, trace)
    xx, yy, zz, xy, yz, zx = torch.where(empty, matrix.new_tensor([1 / 3] * 3 + [0.0] * 3), scaled).unbind(1)
    squared = xx * xx + yy * yy + zz * zz + 2 * (xy * xy + yz * yz + zx * zx)
    determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * zx) + zx * (xy * yz - yy * zx)
    return torch.sqrt(squared), torch.sqrt((27 * determinant).clamp_min(0) + _SMALL)
