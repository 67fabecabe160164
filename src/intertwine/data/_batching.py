"""Batches of ragged structures, gathered without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data._neighbors import neighbor_lists
from intertwine.data._ragged import offsets_of, ragged_ranges
from intertwine.data._structures import Structures, as_indices


class Batch(NamedTuple):
    """B structures of N atoms and E edges in all, as a network takes them.

    numbers (N,) int64; positions (N, 3), Angstrom; edges (2, E) int64, source row over target row, sorted by target;
    batch (N,) int64, increasing; structures B; targets name -> (B, d) float64, as they were read.
    """

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    batch: Tensor
    structures: int
    targets: dict[str, Tensor]

    def rotate(self, rotations: Tensor) -> Batch:
        """Each structure moved by its own matrix, ``x -> R x``. The edges stay; the targets are the caller's to rotate.

        Args:
            rotations: (B, 3, 3), orthogonal.

        Raises:
            ValueError: another shape.
        """
        return self._replace(positions=_rotate(self.positions, rotations, self.batch, self.structures))


class StructureSet:
    """Structures with their neighbors within a cutoff found once, from which batches are gathered.

    Positions are taken from each structure's centroid, in float64, before they are cast: far from the origin float32
    would lose the digits that matter, and networks see relative positions only.

    Args:
        structures: what to draw from.
        cutoff: Angstrom; edges are shorter than this.
        center: False leaves the positions where they were.

    Raises:
        ValueError: the cutoff is not positive.

    Cost: about 60 ns and, for small structures, one byte an edge; the whole of QM9 at 5 Angstrom has 37 million.

    >>> pair = Structures(torch.tensor([1, 1]), torch.tensor([[0.0, 0, 0], [0.74, 0, 0]], dtype=torch.float64),
    ...                   torch.tensor([0, 2]))
    >>> StructureSet(pair, cutoff=5.0).batch([0, 0]).edges.tolist()
    [[1, 0, 3, 2], [0, 1, 2, 3]]
    """

    def __init__(self, structures: Structures, cutoff: float, *, center: bool = True) -> None:
        if not cutoff > 0:
            raise ValueError(f"the cutoff must be a positive length in Angstrom; got {cutoff}")
        self.structures = structures
        self.cutoff = float(cutoff)
        self._sources, self._begins = neighbor_lists(structures.positions, structures.offsets, self.cutoff)
        self._positions = structures.positions - _centroids(structures) if center else structures.positions

    def __len__(self) -> int:
        return len(self.structures)

    def __repr__(self) -> str:
        return f"StructureSet({self.structures!r}, cutoff={self.cutoff:g}, {len(self._sources)} edges)"

    @property
    def mean_neighbors(self) -> float:
        """Edges per atom, averaged over the whole set."""
        return len(self._sources) / max(1, len(self.structures.numbers))

    def batch(
        self, indices: Tensor | Sequence[int], *, rotations: Tensor | None = None, dtype: torch.dtype = torch.float32
    ) -> Batch:
        """These structures as one graph.

        Args:
            indices: (B,) integers; a structure may come more than once.
            rotations: (B, 3, 3) orthogonal matrices, one a structure, applied in float64 before the cast.
            dtype: of the positions. The targets stay float64 until the task has normalized them.

        Raises:
            IndexError: an index is out of range.
            ValueError: the rotations have another shape.
        """
        data = self.structures
        chosen = as_indices(indices, len(data))
        first = data.offsets[chosen]
        counts = data.offsets[chosen + 1] - first
        atoms = ragged_ranges(first, counts)
        batch = torch.arange(len(chosen)).repeat_interleave(counts, output_size=len(atoms))
        positions = self._positions[atoms]
        if rotations is not None:
            positions = _rotate(positions, rotations, batch, len(chosen))
        targets = {name: values[chosen] for name, values in data.targets.items()}
        edges = self._edges(first, counts, atoms)
        return Batch(data.numbers[atoms], positions.to(dtype), edges, batch, len(chosen), targets)

    def _edges(self, first: Tensor, counts: Tensor, atoms: Tensor) -> Tensor:
        begins = self._begins[first]
        edge_counts = self._begins[first + counts] - begins
        listed = ragged_ranges(begins, edge_counts)
        shifts = offsets_of(counts)[:-1].repeat_interleave(edge_counts, output_size=len(listed))
        degrees = self._begins[atoms + 1] - self._begins[atoms]
        targets = torch.arange(len(atoms)).repeat_interleave(degrees, output_size=len(listed))
        return torch.stack([self._sources[listed] + shifts, targets])


def _rotate(positions: Tensor, rotations: Tensor, batch: Tensor, structures: int) -> Tensor:
    if rotations.shape != (structures, 3, 3):
        raise ValueError(f"rotations must be ({structures}, 3, 3), one a structure; got {tuple(rotations.shape)}")
    matrices = rotations.to(positions.dtype)[batch]
    return torch.einsum("nij,nj->ni", matrices, positions)


def _centroids(structures: Structures) -> Tensor:
    """(N, 3) float64: for each atom the mean position of its structure."""
    sums = torch.zeros(len(structures), 3, dtype=torch.float64).index_add_(0, structures.batch, structures.positions)
    return (sums / structures.counts[:, None])[structures.batch]
