"""Normalization of point clouds: centroid at the origin, and the unit sphere."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.data._ragged import batch_from_counts
from intertwine.ops import segment_sum


def center(positions: Tensor, offsets: Tensor) -> Tensor:
    """Each cloud moved so that its centroid is the origin.

    Args:
        positions: (N, 3).
        offsets: (S + 1,) int64, where each cloud begins.

    Returns:
        (N, 3).
    """
    counts = offsets.diff()
    batch = batch_from_counts(counts)
    means = segment_sum(positions, batch, len(counts)) / counts.clamp_min(1)[:, None]
    return positions - means[batch]


def unit_sphere(positions: Tensor, offsets: Tensor) -> Tensor:
    """Each cloud moved so that its centroid is the origin and scaled so that its farthest point has distance 1.

    A cloud without extent stays at the origin. Arguments and result as those of `center`.
    """
    counts = offsets.diff()
    batch = batch_from_counts(counts)
    centered = center(positions, offsets)
    lengths = torch.linalg.vector_norm(centered, dim=1)
    radii = lengths.new_zeros(len(counts)).scatter_reduce(0, batch, lengths, "amax")
    return centered / torch.where(radii > 0, radii, 1.0)[batch, None]
