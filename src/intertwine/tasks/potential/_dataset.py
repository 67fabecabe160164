"""Frames with their neighbors found once, from which batches of a potential are gathered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.data import PointCloudSet, batch_from_counts, offsets_from_counts, ragged_ranges
from intertwine.ops import radius_graph

_ATOMS_AT_ONCE = 1 << 14


class FrameGraphs(NamedTuple):
    """The arguments of a potential for some frames.

    numbers (N,); positions (N, 3) in angstrom; edges (2, E), source row over target row; shifts (E, 3), what is added
    to the position of the source; structures (N,), the frame of each atom; num_structures; cells (B, 3, 3), with rows
    of zeros where a frame is not periodic.
    """

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    shifts: Tensor
    structures: Tensor
    num_structures: int
    cells: Tensor

    def to(self, device: Any = None, dtype: torch.dtype | None = None) -> FrameGraphs:
        """The same on another device; positions, shifts and cells in another precision."""
        return FrameGraphs(*(
            value.to(device=device, dtype=dtype if value.is_floating_point() else None)
            if isinstance(value, Tensor) else value
            for value in self
        ))  # fmt: skip


class FrameDataset:
    """Frames and the neighbors of their atoms, periodic images included.

    Args:
        frames: With the fields ``numbers`` and ``cell``.
        cutoff: In angstrom.

    Cost: 23 bytes an edge, and the search once.
    """

    def __init__(self, frames: PointCloudSet, cutoff: float) -> None:
        self.frames, self.cutoff = frames, cutoff
        cells = frames.cloud_fields["cell"].reshape(-1, 3, 3)
        parts = [self._find(first, last, cells) for first, last in _blocks(frames.offsets)]
        self._edges = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *(edges for edges, _ in parts)], dim=1)
        self._shifts = torch.cat([torch.zeros(0, 3, dtype=torch.int16), *(shifts for _, shifts in parts)])
        degrees = self._edges[1].bincount(minlength=len(frames.positions))
        self.degrees = degrees
        self._begins = offsets_from_counts(degrees)[frames.offsets]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def average_neighbors(self) -> float:
        """Edges into an atom, averaged over all atoms."""
        return float(self.degrees.double().mean()) if len(self.degrees) else 0.0

    def batch(self, indices: Tensor | Sequence[int], dtype: torch.dtype = torch.float32) -> FrameGraphs:
        """These frames as one graph; positions from each frame's centroid, so that float32 keeps their digits.

        Args:
            indices: (B,) integers.
            dtype: Of positions, shifts and cells.
        """
        index = torch.as_tensor(indices, dtype=torch.int64)
        frames, first = self.frames, self.frames.offsets[index]
        counts = frames.offsets[index + 1] - first
        atoms, structures = ragged_ranges(first, counts), batch_from_counts(counts)
        edge_counts = self._begins[index + 1] - self._begins[index]
        edges = ragged_ranges(self._begins[index], edge_counts)
        owner = batch_from_counts(edge_counts)
        cells = frames.cloud_fields["cell"][index].reshape(-1, 3, 3)
        offset = offsets_from_counts(counts)[:-1] - first
        positions = frames.positions[atoms]
        centers = positions.new_zeros(len(index), 3).index_add_(0, structures, positions) / counts[:, None]
        return FrameGraphs(
            frames.point_fields["numbers"][atoms],
            (positions - centers[structures]).to(dtype),
            self._edges[:, edges] + offset[owner],
            torch.einsum("ek,ekj->ej", self._shifts[edges].to(cells.dtype), cells[owner]).to(dtype),
            structures,
            len(index),
            cells.to(dtype),
        )

    def _find(self, first: int, last: int, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Edges between atoms of all frames, and lattice shifts, of frames first .. last - 1."""
        begin, end = self.frames.offsets[[first, last]].tolist()
        positions, batch = self.frames.positions[begin:end], self.frames.batch[begin:end] - first
        block = cells[first:last]
        if not bool(block.any()):
            edges = radius_graph(positions, self.cutoff, batch)
            return edges + begin, torch.zeros(edges.shape[1], 3, dtype=torch.int16)
        edges, shifts = radius_graph(positions, self.cutoff, batch, cell=block)
        return edges + begin, shifts.to(torch.int16)


def _blocks(offsets: Tensor) -> list[tuple[int, int]]:
    """Consecutive frames to be searched at once."""
    if len(offsets) < 2:
        return []
    cuts = (offsets[:-1] // _ATOMS_AT_ONCE).diff().nonzero().flatten() + 1
    ends = [*cuts.tolist(), len(offsets) - 1]
    return list(zip([0, *cuts.tolist()], ends, strict=True))
