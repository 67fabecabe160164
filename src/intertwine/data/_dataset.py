"""A dataset of point clouds with their neighbors found once, from which batches are gathered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from intertwine.data._fields import Fields
from intertwine.data._neighbors import NeighborLists, NeighborRule
from intertwine.data._normalization import center, unit_sphere
from intertwine.data._point_cloud_batch import PointCloudBatch, check_rotations
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import as_indices, batch_from_counts, offsets_from_counts, ragged_ranges

Normalization = Literal["center", "unit_sphere", "none"]


class PointCloudDataset:
    """Clouds with their neighbors found once, for no rotation changes them.

    Positions are normalized, moved, rotated and scaled in float64, before they are cast: far from the origin float32
    would lose the digits that matter. Neighbors are found at the scale of the normalized positions, but before a mere
    translation, which would only round their distances.

    Args:
        clouds: what to draw from.
        neighbors: `RadiusNeighbors` or `NearestNeighbors`; None for batches without edges.
        normalize: "center" takes positions from each cloud's centroid; "unit_sphere" also scales each cloud so that its
            farthest point has distance 1; "none" leaves them as they are.

    Raises:
        ValueError: another normalization, or periodic clouds on the unit sphere.

    Batches of periodic clouds have the edge field ``shifts`` (E, 3): an edge has the vector ``positions[source] + shift
    - positions[target]``.

    Cost: about 60 ns and, for clouds of up to 256 points, one byte an edge; the whole of QM9 at 5 Angstrom has 37
    million.

    >>> from intertwine.data import NearestNeighbors
    >>> line = PointCloudSet(torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]]), torch.tensor([0, 3]))
    >>> PointCloudDataset(line, NearestNeighbors(1)).batch([0, 0]).edges.tolist()
    [[1, 0, 1, 4, 3, 4], [0, 1, 2, 3, 4, 5]]
    """

    def __init__(
        self, clouds: PointCloudSet, neighbors: NeighborRule | None = None, *, normalize: Normalization = "center"
    ) -> None:
        if normalize not in get_args(Normalization):
            raise ValueError(f'expected to normalize "center", "unit_sphere" or "none"; got {normalize!r}')
        if normalize == "unit_sphere" and "cell" in clouds.cloud_fields:
            raise ValueError('periodic clouds have a scale of their own: normalize="center" or "none"')
        self.clouds, self.neighbors, self.normalize = clouds, neighbors, normalize
        given = clouds.positions.to(torch.float64)
        if normalize == "none":
            self.positions = given
        else:
            self.positions = (center if normalize == "center" else unit_sphere)(given, clouds.offsets)
        self._shifts: Tensor | None = None
        lattice = clouds.lattice
        placed = self.positions if normalize == "unit_sphere" else given
        if neighbors is None:
            nobody = torch.zeros(len(given) + 1, dtype=torch.int64)
            self._lists = NeighborLists(torch.zeros(0, dtype=torch.uint8), nobody)
        elif lattice is None:
            self._lists = neighbors.find(placed, clouds.offsets)
        else:
            self._lists, self._shifts = neighbors.find_images(placed, clouds.offsets, lattice)

    def __len__(self) -> int:
        return len(self.clouds)

    def __repr__(self) -> str:
        return f"PointCloudDataset({self.clouds!r}, {self.neighbors}, {len(self._lists.sources)} edges)"

    @property
    def avg_num_neighbors(self) -> float:
        """Edges into a point, averaged over the whole set."""
        return len(self._lists.sources) / max(1, len(self.positions))

    def edge_length_quantile(self, share: float = 0.99) -> float:
        """The length that this share of all edges does not exceed; 1 where there are no edges."""
        sources, begins = self._lists
        targets = batch_from_counts(begins.diff())
        first = self.clouds.offsets[:-1].repeat_interleave(self.clouds.counts)[targets]
        vectors = self.positions[sources + first] - self.positions[targets]
        if self._shifts is not None:
            vectors = vectors + _lattice_vectors(
                self._shifts, self.clouds.cloud_fields["cell"], self.clouds.batch[targets]
            )
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
    ) -> PointCloudBatch:
        """These clouds as one graph: the points moved, then stretched, then rotated, all in float64, and cast last.

        Args:
            indices: (B,) integers; a cloud may come more than once.
            rotations: (B, 3, 3) orthogonal matrices, applied to the positions and to the fields that hold vectors.
            scales: (B,) factors of the positions, or (B, 3) along each axis; the vectors of points keep theirs.
            jitter: (B, P, 3) displacements, P at least the points of any of these clouds.
            dtype: of the positions and of the vectors of points; other fields keep theirs.

        Raises:
            IndexError: an index is out of range.
            ValueError: rotations, scales or jitter have another shape.
        """
        index = as_indices(indices, len(self))
        first = self.clouds.offsets[index]
        counts = self.clouds.offsets[index + 1] - first
        _check_changes(len(index), int(counts.max()) if len(counts) else 0, rotations, scales, jitter)
        points, batch = ragged_ranges(first, counts), batch_from_counts(counts)
        positions = self.positions[points]
        if jitter is not None:
            positions = positions + jitter[batch, points - first[batch]]
        if scales is not None:
            factors = scales if scales.dim() == 2 else scales[:, None].expand(-1, 3)
            positions = positions * factors[batch]
        edges, listed = self._edges(first, counts, points)
        cloud_fields = self._gather(self.clouds.cloud_fields, index, False)
        if scales is not None and "cell" in cloud_fields:
            cloud_fields["cell"] = cloud_fields["cell"] * factors.repeat(1, 3)
        edge_fields: dict[str, Tensor] = {}
        if self._shifts is not None:
            edge_fields["shifts"] = _lattice_vectors(self._shifts[listed], cloud_fields["cell"], batch[edges[1]])
        found = PointCloudBatch(
            positions,
            edges,
            batch,
            len(index),
            self._gather(self.clouds.point_fields, points, rotations is not None),
            cloud_fields,
            edge_fields,
            vectors=self.clouds.vectors | edge_fields.keys(),
        )
        return (found if rotations is None else found.rotate(rotations)).to(dtype=dtype)

    def _gather(self, fields: Fields, rows: Tensor, double: bool) -> dict[str, Tensor]:
        """These rows of each field; vectors in float64, if wanted."""
        return {
            name: values[rows].to(torch.float64) if double and name in self.clouds.vectors else values[rows]
            for name, values in fields.items()
        }

    def _edges(self, first: Tensor, counts: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """The edges (2, E) of these clouds, and their places (E,) in the lists."""
        sources, begins = self._lists
        begin = begins[first]
        edge_counts = begins[first + counts] - begin
        listed = ragged_ranges(begin, edge_counts)
        starts = offsets_from_counts(counts)[:-1].repeat_interleave(edge_counts, output_size=len(listed))
        degrees = begins[points + 1] - begins[points]
        targets = torch.arange(len(points)).repeat_interleave(degrees, output_size=len(listed))
        return torch.stack([sources[listed] + starts, targets]), listed


def _lattice_vectors(steps: Tensor, cells: Tensor, cloud: Tensor) -> Tensor:
    """Whole numbers (E, 3) times the cell, (B, 9), of the cloud (E,) of each edge: (E, 3) float64."""
    vectors: Tensor = torch.einsum("ek,ekj->ej", steps.to(cells.dtype), cells.unflatten(1, (3, 3))[cloud])
    return vectors


def _check_changes(
    size: int, largest: int, rotations: Tensor | None, scales: Tensor | None, jitter: Tensor | None
) -> None:
    if rotations is not None:
        check_rotations(rotations, size)
    if scales is not None and scales.shape not in ((size,), (size, 3)):
        needed = f"scales by axis must be ({size}, 3), other scales must be ({size},), one a cloud"
        raise ValueError(f"{needed}; got {tuple(scales.shape)}")
    if jitter is not None and (
        jitter.dim() != 3 or len(jitter) != size or jitter.shape[1] < largest or jitter.shape[2] != 3
    ):
        raise ValueError(f"jitter must be ({size}, {largest} or more, 3); got {tuple(jitter.shape)}")
