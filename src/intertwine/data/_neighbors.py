"""Neighbor rules: radius graphs and k-nearest-neighbor graphs of many clouds at once, stored small."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from intertwine.data._ragged import batch_from_counts, offsets_from_counts
from intertwine.ops import knn_graph, radius_graph

_POINTS_AT_ONCE = 1 << 16


class NeighborLists(NamedTuple):
    """The neighbors of every point of every cloud, point after point.

    sources (E,): counted from the first point of their cloud, in the smallest integer type that holds the largest
    cloud; begins (N + 1,) int64: where the list of each point begins, and where the last one ends.
    """

    sources: Tensor
    begins: Tensor


class NeighborRule(Protocol):
    """Which points of a cloud are neighbors."""

    def find(self, positions: Tensor, offsets: Tensor) -> NeighborLists:
        """The neighbors of each point, in its own cloud.

        Args:
            positions: (N, 3) float64.
            offsets: (S + 1,) int64, the points of each cloud.
        """


@dataclass(frozen=True)
class RadiusNeighbors:
    """Every ordered pair of different points of one cloud with ``|x_i - x_j|^2 < cutoff^2``.

    Two points in the same place are neighbors, a point is never its own. The edges are those of `ops.radius_graph`,
    sorted by target and then by source, for many clouds at once.

    Args:
        cutoff: in the unit of the positions, positive.

    Raises:
        ValueError: the cutoff is not positive.

    Cost: one k-d tree for some ten thousand points at a time; a byte an edge for clouds of up to 256 points.
    """

    cutoff: float

    def __post_init__(self) -> None:
        if not self.cutoff > 0:
            raise ValueError(f"the cutoff must be a positive length; got {self.cutoff}")

    def find(self, positions: Tensor, offsets: Tensor) -> NeighborLists:
        """The neighbors of each point, in its own cloud; arguments as those of `NeighborRule.find`."""
        counts = offsets.diff()
        dtype = _smallest_dtype(int(counts.max()) if len(counts) else 0)
        sources, degrees = [torch.zeros(0, dtype=dtype)], [torch.zeros(0, dtype=torch.int64)]
        for first, last in _chunks(offsets):
            begin, end = int(offsets[first]), int(offsets[last])
            batch = batch_from_counts(counts[first:last])
            source, target = radius_graph(positions[begin:end], self.cutoff, batch)
            local = source - (offsets[first:last] - begin)[batch[source]]
            sources.append(local.to(dtype))
            degrees.append(target.bincount(minlength=end - begin))
        return NeighborLists(torch.cat(sources), offsets_from_counts(torch.cat(degrees)))


@dataclass(frozen=True)
class NearestNeighbors:
    """The k nearest other points of its cloud for each point: all of them where a cloud has k + 1 points or fewer.

    The edges are those of `ops.knn_graph`.

    Args:
        k: edges into each point, positive.

    Raises:
        ValueError: k is not positive.

    Cost: one k-d tree a cloud.
    """

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k, the number of nearest neighbors, must be positive; got {self.k}")

    def find(self, positions: Tensor, offsets: Tensor) -> NeighborLists:
        """The neighbors of each point, in its own cloud; arguments as those of `NeighborRule.find`."""
        counts = offsets.diff()
        dtype = _smallest_dtype(int(counts.max()) if len(counts) else 0)
        sources = [knn_graph(positions[begin:end], self.k)[0].to(dtype) for begin, end in pairwise(offsets.tolist())]
        degrees = (counts - 1).clamp(0, self.k).repeat_interleave(counts)
        return NeighborLists(torch.cat([torch.zeros(0, dtype=dtype), *sources]), offsets_from_counts(degrees))


def _chunks(offsets: Tensor) -> list[tuple[int, int]]:
    """Consecutive clouds to be searched at once, of some ten thousand points."""
    if len(offsets) < 2:
        return []
    split = (offsets[:-1] // _POINTS_AT_ONCE).diff().nonzero().flatten() + 1
    return list(pairwise([0, *split.tolist(), len(offsets) - 1]))


def _smallest_dtype(largest: int) -> torch.dtype:
    if largest <= 1 << 8:
        return torch.uint8
    return torch.int16 if largest <= 1 << 15 else torch.int32
