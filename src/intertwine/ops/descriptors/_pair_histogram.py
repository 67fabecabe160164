"""Histogram of pairs of oriented points: distance, and the angles between normals and the line that joins them."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.descriptors._histograms import soft_histogram
from intertwine.ops.descriptors._shell_spectrum import standardize_clouds
from intertwine.ops.functions import safe_norm, safe_normalize
from intertwine.ops.graph import segment_outer, segment_sum
from intertwine.ops.points import farthest_point_sampling

_DISTANCES, _LARGEST = 7, 3.0
_ANGLES = 4
_SMALL = 1e-6
"""Cosines and shares whose square is below this are smoothed."""

PAIR_BINS = _DISTANCES * _ANGLES**3
"""Bins of `pair_histogram`."""


def pair_histogram(
    positions: Tensor, normals: Tensor, batch: Tensor, num_clouds: int, *, landmarks: int = 16
) -> Tensor:
    """Joint histogram of distances and angles between landmarks of a cloud and all of its points.

        (|d|, |n_i . n_j|, max(|n_i . e|, |n_j . e|), min(|n_i . e|, |n_j . e|)),     d = x_j - x_i,  e = d / |d|

    for landmarks i from `farthest_point_sampling` and positions from `standardize_clouds`, in soft bins of 7 distances
    and 4 cosines of each kind. The result is the square root of the shares.

    Args:
        positions: ``(N, 3)``.
        normals: ``(N, 3)`` unit normals up to sign.
        batch: ``(N,)`` cloud of each point, sorted.
        num_clouds: How many clouds there are.
        landmarks: Landmarks of each cloud; all its points if it has fewer.

    Returns:
        ``(num_clouds, 448)``.

    Law: the same for ``(s Q x + t, ±Q n)``, Q in O(3), s > 0, and for points in another order, except where two
    distances are equal that decide which point is a landmark.

    Cost: ``N * landmarks`` pairs of 28 + 16 bins each.

    Reference: Drost et al., Model globally, match locally, CVPR 2010, equation 1, for the four numbers; Osada et al.,
    Shape distributions, ACM TOG 2002, for histograms of pairs.

    Example:
        >>> points, normals = torch.randn(40, 3), torch.eye(3)[torch.arange(40) % 3]
        >>> pair_histogram(points, normals, torch.zeros(40, dtype=torch.int64), 1).shape
        torch.Size([1, 448])
    """
    points = standardize_clouds(positions, batch, num_clouds)
    index, exists = _landmark_table(points, batch, num_clouds, landmarks)
    index = index.index_select(0, batch).flatten()
    difference = points[:, None] - points.index_select(0, index).unflatten(0, (-1, landmarks))
    direction = safe_normalize(difference)
    theirs = normals.index_select(0, index).unflatten(0, (-1, landmarks))
    first, second = _cosine(direction, normals[:, None]), _cosine(direction, theirs)
    between = soft_histogram(_cosine(theirs, normals[:, None]), 0.0, 1.0, _ANGLES)
    lengths = soft_histogram(safe_norm(difference), 0.0, _LARGEST, _DISTANCES)
    lengths = lengths * exists.index_select(0, batch)[:, :, None]
    larger = soft_histogram(torch.maximum(first, second), 0.0, 1.0, _ANGLES)
    smaller = soft_histogram(torch.minimum(first, second), 0.0, 1.0, _ANGLES)
    left = (lengths[..., :, None] * between[..., None, :]).flatten(2).flatten(0, 1)
    right = (larger[..., :, None] * smaller[..., None, :]).flatten(2).flatten(0, 1)
    cloud = batch[:, None].expand(-1, landmarks).flatten()
    counts = segment_sum(exists.index_select(0, batch).sum(1, keepdim=True), batch, num_clouds).clamp_min(1)
    shares = segment_outer(left, right, cloud, num_clouds).flatten(1) / counts
    return torch.sqrt(shares + _SMALL)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    """Absolute value of the product of unit vectors, smooth at zero."""
    return torch.sqrt((first * second).sum(-1).square() + _SMALL)


def _landmark_table(points: Tensor, batch: Tensor, num_clouds: int, landmarks: int) -> tuple[Tensor, Tensor]:
    """Indices of the landmarks of each cloud (num_clouds, landmarks), and 1 where there is one, 0 where not."""
    chosen = farthest_point_sampling(points, landmarks, batch)
    cloud = batch.index_select(0, chosen)
    counts = segment_sum(torch.ones_like(chosen), cloud, num_clouds)
    place = torch.arange(len(chosen), device=batch.device) - (counts.cumsum(0) - counts).index_select(0, cloud)
    slots = cloud * landmarks + place
    index = batch.new_zeros(num_clouds * landmarks).index_put((slots,), chosen)
    exists = points.new_zeros(num_clouds * landmarks).index_put((slots,), points.new_ones(1).expand(len(chosen)))
    return index.unflatten(0, (num_clouds, landmarks)), exists.unflatten(0, (num_clouds, landmarks))
