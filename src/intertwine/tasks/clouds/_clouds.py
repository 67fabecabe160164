"""Clouds in the unit sphere with their neighbors found once, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data._ragged import offsets_of, ragged_ranges
from intertwine.ops import knn_graph, segment_sum


class CloudBatch(NamedTuple):
    """B clouds of N points and E edges in all, as a network takes them.

    vectors (N, 3 V), V of each point, or None; positions (N, 3); edges (2, E) int64, source row over target row,
    sorted by target; batch (N,) int64, increasing; structures B.
    """

    vectors: Tensor | None
    positions: Tensor
    edges: Tensor
    batch: Tensor
    structures: int


class CloudSet:
    """Clouds moved and scaled into the unit sphere, and the nearest neighbors of their points.

    The neighbors are found once, for no rotation changes them.

    Args:
        positions: (N, 3), finite; all clouds one after the other.
        offsets: (S + 1,) int64, where each cloud begins.
        neighbors: Edges into each point; a cloud of n points has at most n - 1.
        vectors: (N, 3 V), V vectors of each point, if there are any to be used.

    >>> line = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]])
    >>> clouds = CloudSet(line, torch.tensor([0, 3]), 1)
    >>> clouds.batch([0, 0]).edges.tolist()
    [[1, 0, 1, 4, 3, 4], [0, 1, 2, 3, 4, 5]]
    """

    def __init__(self, positions: Tensor, offsets: Tensor, neighbors: int, vectors: Tensor | None = None) -> None:
        self.offsets, self.neighbors = offsets, neighbors
        self.vectors = None if vectors is None else vectors.to(torch.float64)
        self.positions = unit_sphere(positions.to(torch.float64), offsets)
        counts = offsets.diff()
        found = [
            knn_graph(self.positions[begin:end], neighbors)[0]
            for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        ]
        largest = int(counts.max()) if len(counts) else 0
        self._sources = torch.cat([torch.zeros(0, dtype=torch.int64), *found]).to(_smallest(largest))
        self._begins = offsets_of(counts * (counts - 1).clamp(0, neighbors))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def reach(self, share: float = 0.99) -> float:
        """The length that this share of all edges does not exceed; 1 where there are no edges."""
        counts = self.offsets.diff()
        targets = torch.arange(len(self.positions)).repeat_interleave(
            (counts - 1).clamp(0, self.neighbors).repeat_interleave(counts)
        )
        shifts = self.offsets[:-1].repeat_interleave(self._begins.diff())
        vectors = self.positions[self._sources + shifts] - self.positions[targets]
        if not len(vectors):
            return 1.0
        lengths = torch.linalg.vector_norm(vectors, dim=1).sort().values
        return float(lengths[min(len(lengths) - 1, int(share * len(lengths)))]) or 1.0

    def batch(
        self,
        indices: Tensor | Sequence[int],
        *,
        rotations: Tensor | None = None,
        scales: Tensor | None = None,
        jitter: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> CloudBatch:
        """These clouds as one graph; moved in float64, cast last.

        Args:
            indices: (B,) integers; a cloud may come more than once.
            rotations: (B, 3, 3) orthogonal matrices, applied to positions and vectors.
            scales: (B,) factors of the positions.
            jitter: (B, P, 3) displacements, P at least the points of any cloud, added before all else.
            dtype: Of the result.
        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        first = self.offsets[chosen]
        counts = self.offsets[chosen + 1] - first
        points = ragged_ranges(first, counts)
        batch = torch.arange(len(chosen)).repeat_interleave(counts, output_size=len(points))
        positions, vectors = self.positions[points], None if self.vectors is None else self.vectors[points]
        if jitter is not None:
            positions = positions + jitter[batch, points - first[batch]]
        if scales is not None:
            positions = positions * scales[batch, None]
        if rotations is not None:
            matrices = rotations.to(torch.float64)[batch]
            positions = torch.einsum("nij,nj->ni", matrices, positions)
            if vectors is not None:
                vectors = torch.einsum("nij,nvj->nvi", matrices, vectors.unflatten(1, (-1, 3))).flatten(1)
        edges = self._edges(chosen, counts, len(points))
        return CloudBatch(
            None if vectors is None else vectors.to(dtype), positions.to(dtype), edges, batch, len(chosen)
        )

    def points(self, indices: Tensor | Sequence[int]) -> Tensor:
        """The places of all points of these clouds, one cloud after the other: rows of what is kept by point."""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        first = self.offsets[chosen]
        return ragged_ranges(first, self.offsets[chosen + 1] - first)

    def _edges(self, chosen: Tensor, counts: Tensor, points: int) -> Tensor:
        begins = self._begins[chosen]
        edges = self._begins[chosen + 1] - begins
        listed = ragged_ranges(begins, edges)
        shifts = offsets_of(counts)[:-1].repeat_interleave(edges, output_size=len(listed))
        degrees = (counts - 1).clamp(0, self.neighbors).repeat_interleave(counts, output_size=points)
        targets = torch.arange(points).repeat_interleave(degrees, output_size=len(listed))
        return torch.stack([self._sources[listed].to(torch.int64) + shifts, targets])


def unit_sphere(positions: Tensor, offsets: Tensor) -> Tensor:
    """Each cloud moved so that its centroid is the origin and scaled so that its farthest point has distance 1.

    A cloud without extent stays at the origin.
    """
    counts = offsets.diff()
    batch = torch.arange(len(counts)).repeat_interleave(counts, output_size=len(positions))
    means = segment_sum(positions, batch, len(counts)) / counts.clamp_min(1)[:, None]
    centered = positions - means[batch]
    lengths = torch.linalg.vector_norm(centered, dim=1)
    radii = lengths.new_zeros(len(counts)).scatter_reduce(0, batch, lengths, "amax")
    return centered / torch.where(radii > 0, radii, 1.0)[batch, None]


def _smallest(largest: int) -> torch.dtype:
    return torch.int16 if largest <= 1 << 15 else torch.int32
