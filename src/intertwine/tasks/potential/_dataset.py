"""Batches of frames as a potential takes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data import PointCloudDataset, PointCloudSet, RadiusNeighbors


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

    def to(self, device: torch.device) -> FrameGraphs:
        """The same on another device."""
        return FrameGraphs(
            self.numbers.to(device),
            self.positions.to(device),
            self.edges.to(device),
            self.shifts.to(device),
            self.structures.to(device),
            self.num_structures,
            self.cells.to(device),
        )


class FrameDataset:
    """Frames and the neighbors of their atoms, periodic images included, found once.

    Args:
        frames: With the fields ``numbers``, ``cell`` and ``pbc``.
        cutoff: In angstrom.
    """

    def __init__(self, frames: PointCloudSet, cutoff: float) -> None:
        self.frames = frames
        self._clouds = PointCloudDataset(frames.select_fields("numbers", "cell", "pbc"), RadiusNeighbors(cutoff))

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def average_neighbors(self) -> float:
        """Edges into an atom, averaged over all atoms."""
        return self._clouds.avg_num_neighbors

    def bond_lengths(self, elements: Sequence[int], default: float) -> list[float]:
        """Mean distances in A of atoms of each element from their nearest neighbors; a default where none has one."""
        graphs = self.batch(torch.arange(len(self)), torch.float64)
        source, target = graphs.edges
        lengths = (graphs.positions[source] - graphs.positions[target] + graphs.shifts).norm(dim=1)
        nearest = lengths.new_full((len(graphs.numbers),), inf).scatter_reduce(0, target, lengths, "amin")
        found = (nearest[(graphs.numbers == element) & nearest.isfinite()] for element in elements)
        return [round(float(each.mean()), 3) if len(each) else default for each in found]

    def batch(self, indices: Tensor | Sequence[int], dtype: torch.dtype = torch.float32) -> FrameGraphs:
        """These frames as one graph; positions from each frame's centroid, so that float32 keeps their digits.

        Args:
            indices: (B,) integers.
            dtype: Of positions, shifts and cells.
        """
        found = self._clouds.batch(indices, dtype=dtype)
        shifts = found.edge_fields.get("shifts")
        cells = found.cloud_fields["cell"].unflatten(1, (3, 3)) * found.cloud_fields["pbc"][:, :, None]
        return FrameGraphs(
            found.point_fields["numbers"],
            found.positions,
            found.edges,
            found.positions.new_zeros(found.edges.shape[1], 3) if shifts is None else shifts,
            found.batch,
            found.num_clouds,
            cells.to(dtype),
        )
