"""Orthonormal frames: centers and principal axes of point clouds, Gram-Schmidt of vectors. Columns are axes."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import segment_mean, segment_sum

_PARALLEL = 1e-6  # sine of the angle below which two vectors span no plane


def centers(positions: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
    """The mean position of each point cloud, ``(num_graphs, d)``; zero for a cloud without points."""
    return segment_mean(positions, batch, num_graphs)


def principal_axes(positions: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
    """The principal axes of each point cloud, the longest first: eigenvectors of its covariance, as constants.

    Args:
        positions: ``(N, 3)``.
        batch: ``(N,)`` point cloud of each point.
        num_graphs: Number of point clouds.

    Returns:
        ``(num_graphs, 3, 3)`` orthogonal matrices, the axes in their columns, each up to its sign; computed in float64,
        without a gradient. Where two moments are equal the axes of their plane are arbitrary.

    Law: ``axes(R p + t) = R axes(p)`` up to the sign of each column, where the moments differ.

    Example:
        >>> line = torch.tensor([[0.0, -2.0, 0.0], [0.0, 2.0, 0.0]])
        >>> principal_axes(line, torch.zeros(2, dtype=torch.int64), 1)[0, :, 0].abs().tolist()
        [0.0, 1.0, 0.0]
    """
    points = positions.detach().double()
    centered = points - centers(points, batch, num_graphs).index_select(0, batch)
    moments = segment_sum(centered[:, :, None] * centered[:, None, :], batch, num_graphs)
    # Columns reversed: LAPACK gives the shortest first.
    axes: Tensor = torch.linalg.eigh(moments).eigenvectors.flip(-1).to(positions.dtype)
    return axes


def gram_schmidt(vectors: Tensor) -> Tensor:
    """Gram-Schmidt frame of two vectors, right-handed, or of three, with their handedness.

        e_1 = v_1 / |v_1|,   e_2 ~ v_2 - (v_2 . e_1) e_1,   e_3 = +- e_1 x e_2

    Args:
        vectors: ``(..., 2, 3)`` or ``(..., 3, 3)``, one vector a row.

    Returns:
        ``(..., 3, 3)`` orthogonal matrices, the axes in their columns. Vectors that vanish or are parallel are replaced
        by coordinate axes: the result and its gradient are finite everywhere, and equivariant where they are not.

    Raises:
        ValueError: If the shape is another.

    Law: ``gram_schmidt(v R^T) = R gram_schmidt(v)`` for rotations; of three vectors also for reflections.

    Example:
        >>> gram_schmidt(torch.tensor([[0.0, 2.0, 0.0], [1.0, 1.0, 0.0]])).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]
    """
    if vectors.shape[-2:] not in ((2, 3), (3, 3)):
        raise ValueError(f"a frame needs vectors (..., 2, 3) or (..., 3, 3), got {tuple(vectors.shape)}")
    first = _normalize_or(vectors[..., 0, :], vectors.new_tensor([1.0, 0.0, 0.0]).expand_as(vectors[..., 0, :]), 0.0)
    second = vectors[..., 1, :]
    least = torch.nn.functional.one_hot(first.detach().abs().argmin(-1), 3).to(first)
    least = least - (least * first).sum(-1, keepdim=True) * first
    size = second.detach().norm(dim=-1, keepdim=True)
    orthogonal = second - (second * first).sum(-1, keepdim=True) * first
    second = _normalize_or(orthogonal, least, _PARALLEL * size)
    third = torch.linalg.cross(first, second)
    if vectors.shape[-2] == 3:
        left_handed = (vectors[..., 2, :].detach() * third.detach()).sum(-1, keepdim=True) < 0
        third = torch.where(left_handed, -third, third)
    return torch.stack([first, second, third], -1)


def _normalize_or(vector: Tensor, fallback: Tensor, min_norm: Tensor | float) -> Tensor:
    """The normalized vector; the normalized fallback where the norm is not above ``min_norm``."""
    valid = vector.detach().norm(dim=-1, keepdim=True) > min_norm
    selected = torch.where(valid, vector, fallback)
    direction: Tensor = selected / selected.norm(dim=-1, keepdim=True)
    return direction
