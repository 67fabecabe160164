"""Shapes of neighborhoods: along a line, in a plane, or in all directions."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import segment_mean


def neighborhood_shape(positions: Tensor, edges: Tensor) -> Tensor:
    """Lengths of the principal axes of the neighbors of each point, as shares of their sum, ascending.

        C_i = mean over edges j -> i of (x_j - x_i)(x_j - x_i)^T,     sqrt(eigenvalues of C_i), divided by their sum

    About (0, 1/2, 1/2) on a smooth surface, (0, 0, 1) on a line, (1/3, 1/3, 1/3) in a solid.

    Args:
        positions: ``(N, 3)``.
        edges: ``(2, E)``, source row over target row.

    Returns:
        ``(N, 3)``; a third each where a point has no neighbors apart from itself.

    Law: the same for ``s Q x + t``, Q in O(3), s > 0.

    Reference: Demantke et al., Dimensionality based scale selection in 3D lidar point clouds, 2011, equation 3, for
    square roots of eigenvalues.

    Example:
        >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
        >>> neighborhood_shape(line, torch.tensor([[0, 2], [1, 1]]))[1].round(decimals=5)
        tensor([0., 0., 1.])
    """
    source, target = edges
    vectors = positions.index_select(0, source) - positions.index_select(0, target)
    products = (vectors[:, :, None] * vectors[:, None, :]).flatten(1)
    covariances = segment_mean(products, target, len(positions)).unflatten(1, (3, 3))
    trace = covariances.diagonal(dim1=1, dim2=2).sum(1)
    empty = trace <= 0
    scaled = covariances / torch.where(empty, 1.0, trace)[:, None, None]
    identity = torch.eye(3, dtype=positions.dtype, device=positions.device)
    scaled = torch.where(empty[:, None, None], identity / 3, scaled)
    lengths = torch.sqrt(torch.linalg.eigvalsh(scaled).clamp_min(1e-12))
    return lengths / lengths.sum(1, keepdim=True)
