"""Neighbor rules: radius graphs and k-nearest-neighbor graphs of many clouds at once, stored small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data._ragged import batch_from_counts, offsets_from_counts
from intertwine.ops import knn_graph, radius_graph

_POINTS_AT_ONCE = 1 << 16
_MOST_IMAGES = 1e7
_MOST_NEIGHBORS = 1e5


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

    def find_images(self, positions: Tensor, offsets: Tensor, lattice: Tensor) -> tuple[NeighborLists, Tensor]:
        """The neighbors of each point among the periodic images of its cloud.

        Args:
            positions: (N, 3) float64.
            offsets: (S + 1,) int64, the points of each cloud.
            lattice: (S, 3, 3) lattice vectors as rows, zeros for directions that are not periodic.

        Returns:
            The neighbors, and by how many lattice vectors each is moved, (E, 3) int16.

        Raises:
            UsageError: the rule has no periodic neighbors, or there are too many of them.
        """


@dataclass(frozen=True)
class RadiusNeighbors:
    """Every ordered pair of different points of one cloud with ``|x_i - x_j|^2 < cutoff^2``.

    Two points in the same place are neighbors, a point is never its own. The edges are those of `ops.radius_graph`,
    sorted by target and then by source, for many clouds at once. In a periodic cloud every image counts, those of the
    point itself too.

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
        shares = _shares(offsets, offsets)
        return _lists(
            ((share, radius_graph(positions[share.begin : share.end], self.cutoff, share.batch)) for share in shares),
            offsets,
        )

    def find_images(self, positions: Tensor, offsets: Tensor, lattice: Tensor) -> tuple[NeighborLists, Tensor]:
        """The neighbors of each point among the periodic images; arguments as those of `NeighborRule.find_images`.

        Raises:
            UsageError: the cutoff is so many times the lattice vectors that the images would not fit into memory.
        """
        images = self._count_images(offsets.diff(), lattice)
        shifts = [torch.zeros(0, 3, dtype=torch.int16)]
        found = []
        for share in _shares(offsets, offsets_from_counts(images.to(torch.int64))):
            points, cell = positions[share.begin : share.end], lattice[share.clouds]
            edges, steps = radius_graph(points, self.cutoff, share.batch, cell=cell)
            found.append((share, edges))
            shifts.append(steps.to(torch.int16))
        return _lists(found, offsets), torch.cat(shifts)

    def _count_images(self, counts: Tensor, lattice: Tensor) -> Tensor:
        """About how many images (S,) lie within the cutoff of each cell, refused before they take all memory."""
        heights = 1 / torch.linalg.vector_norm(torch.linalg.pinv(lattice), dim=1)  # infinite where not periodic
        reach = 2 * self.cutoff / heights
        images: Tensor = counts * (1 + reach).prod(1)
        neighbors = images * torch.where(reach > 0, reach / (1 + reach), 1.0).prod(1)
        if len(images) and (float(images.max()) > _MOST_IMAGES or float(neighbors.max()) > _MOST_NEIGHBORS):
            worst = int(images.argmax())
            raise UsageError(
                f"a cutoff of {self.cutoff:g} gives each point of cloud {worst + 1} some {float(neighbors[worst]):.2g} "
                f"neighbors, for its periodic images are {float(heights[worst].min()):.3g} apart; take a smaller one"
            )
        return images


@dataclass(frozen=True)
class NearestNeighbors:
    """The k nearest other points of its cloud for each point: all of them where a cloud has k + 1 points or fewer.

    The edges are those of `ops.knn_graph`. Periodic clouds are refused: in a crystal many images are equally near, and
    k of them would depend on rounding and on the choice of the cell; a radius takes all.

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

    def find_images(self, positions: Tensor, offsets: Tensor, lattice: Tensor) -> tuple[NeighborLists, Tensor]:
        """Refused, unless no direction is periodic after all.

        Raises:
            UsageError: a cloud is periodic.
        """
        if bool(lattice.any()):
            raise UsageError("the k nearest neighbors in a crystal depend on rounding; use RadiusNeighbors(cutoff)")
        found = self.find(positions, offsets)
        return found, torch.zeros(len(found.sources), 3, dtype=torch.int16)

    def find(self, positions: Tensor, offsets: Tensor) -> NeighborLists:
        """The neighbors of each point, in its own cloud; arguments as those of `NeighborRule.find`."""
        counts = offsets.diff()
        dtype = _smallest_dtype(int(counts.max()) if len(counts) else 0)
        sources = [knn_graph(positions[begin:end], self.k)[0].to(dtype) for begin, end in pairwise(offsets.tolist())]
        degrees = (counts - 1).clamp(0, self.k).repeat_interleave(counts)
        return NeighborLists(torch.cat([torch.zeros(0, dtype=dtype), *sources]), offsets_from_counts(degrees))


class _Share(NamedTuple):
    """Consecutive clouds: which, their points from begin to end, and the cloud of each point, from 0."""

    clouds: slice
    begin: int
    end: int
    batch: Tensor


def _shares(offsets: Tensor, weights: Tensor) -> Iterator[_Share]:
    """Clouds to be searched at once.

    Args:
        offsets: (S + 1,) int64.
        weights: (S + 1,) int64, the running sum of what there is to search: some ten thousand at once.
    """
    if len(offsets) < 2:
        return
    cuts = ((weights[:-1] // _POINTS_AT_ONCE).diff().nonzero().flatten() + 1).tolist()
    for first, last in pairwise([0, *cuts, len(offsets) - 1]):
        batch = batch_from_counts(offsets[first : last + 1].diff())
        yield _Share(slice(first, last), int(offsets[first]), int(offsets[last]), batch)


def _lists(found: Iterable[tuple[_Share, Tensor]], offsets: Tensor) -> NeighborLists:
    """The edges (2, E) of each share, whose points are counted from its first."""
    counts = offsets.diff()
    dtype = _smallest_dtype(int(counts.max()) if len(counts) else 0)
    sources, degrees = [torch.zeros(0, dtype=dtype)], [torch.zeros(0, dtype=torch.int64)]
    for share, (source, target) in found:
        local = source - (offsets[share.clouds] - share.begin)[share.batch[source]]
        sources.append(local.to(dtype))
        degrees.append(target.bincount(minlength=share.end - share.begin))
    return NeighborLists(torch.cat(sources), offsets_from_counts(torch.cat(degrees)))


def _smallest_dtype(largest: int) -> torch.dtype:
    if largest <= 1 << 8:
        return torch.uint8
    return torch.int16 if largest <= 1 << 15 else torch.int32
