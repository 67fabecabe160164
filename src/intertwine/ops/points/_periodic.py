"""Neighbors in crystals: one k-d tree over the points of the cell and those images of them that can matter."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine.ops.points._clouds import Booleans, Floats, Integers, as_points, as_structures, edges_like, spread

_SLACK = 1 + 1e-9
_FLAT = 1e-9  # volume of the cell over the product of its edges, below which lattice vectors are not independent


def periodic_edges(positions: Tensor, cutoff: float, batch: Tensor | None, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Edges ``(2, E)`` and shifts ``(E, 3)`` of a periodic radius graph, see ``radius_graph``."""
    points = as_points(positions)
    structures = as_structures(batch, len(points))
    cells, repeats = _cells(cell, int(structures.max(initial=0)) + 1)
    if points.shape[1] != 3:
        raise ValueError(f"a cell needs positions (N, 3), got {points.shape}")
    if not np.isfinite(cutoff):
        raise ValueError(f"a crystal needs a finite cutoff, got {cutoff}")
    inverse = np.linalg.inv(cells)
    fractions = np.einsum("ni,nij->nj", points, inverse[structures])
    home = np.where(repeats[structures], np.floor(fractions), 0).astype(np.int64)
    wrapped = points - _along(home, cells[structures])
    # A point at a height below -margin or above 1 + margin is farther than the cutoff from every point of the cell.
    margins = cutoff * _SLACK * np.linalg.norm(inverse, axis=1) + 1e-9
    owner, image = _images(fractions - home, np.where(repeats, margins, -1)[structures])
    images = wrapped[owner] + _along(image, cells[structures[owner]])
    reach = cutoff * _SLACK + 1e-9 * float(np.abs(wrapped).max(initial=0))
    both = spread(np.concatenate([wrapped, images]), np.concatenate([structures, structures[owner]]), 2 * reach)
    first, second = (cKDTree(part) for part in np.split(both, [len(points)]))
    found = first.sparse_distance_matrix(second, reach, output_type="ndarray")
    target, place = found["i"].astype(np.int64), found["j"].astype(np.int64)
    source = owner[place]
    shifts = image[place] - home[source] + home[target]
    vectors = (points[source] - points[target]) + _along(shifts, cells[structures[target]])
    kept = (vectors**2).sum(1) < cutoff * cutoff
    kept &= (source != target) | shifts.any(1)
    order = np.flatnonzero(kept)[np.lexsort((*shifts[kept].T[::-1], source[kept], target[kept]))]
    return edges_like(source[order], target[order], positions), torch.from_numpy(shifts[order]).to(positions.device)


def _cells(cell: Tensor, structures: int) -> tuple[Floats, Booleans]:
    """Invertible cells ``(S, 3, 3)``, and which of their rows repeat ``(S, 3)``; the others are made up.

    Raises:
        ValueError: If the lattice vectors are not independent, or there are not enough cells.
    """
    if cell.shape != (3, 3) and (cell.ndim != 3 or cell.shape[1:] != (3, 3) or len(cell) < structures):
        raise ValueError(
            f"cell must be (3, 3), or ({structures}, 3, 3) for {structures} structures, got {tuple(cell.shape)}"
        )
    rows = as_points(cell.reshape(-1, 3), "lattice vectors").reshape(-1, 3, 3)
    cells = np.array(rows if cell.ndim == 3 else np.broadcast_to(rows, (structures, 3, 3)))
    repeats: Booleans = (cells != 0).any(axis=2)
    for number in np.flatnonzero(~repeats.all(1)):
        missing = ~repeats[number]
        cells[number, missing] = np.linalg.svd(cells[number])[2][3 - missing.sum() :]
    edges = np.linalg.norm(cells, axis=2).prod(1)
    flat = np.abs(np.linalg.det(cells)) <= _FLAT * edges
    if flat.any():
        bad = int(flat.argmax())
        raise ValueError(f"lattice vectors must be independent; cell {bad} is {cells[bad].tolist()}")
    return cells, repeats


def _images(fractions: Floats, margins: Floats) -> tuple[Integers, Integers]:
    """The images of points in fractions of the cell that lie within a margin of it: which point, and its shift.

    A negative margin stands for a direction that does not repeat.
    """
    owner = np.arange(len(fractions))
    shifts = np.zeros((len(fractions), 3), np.int64)
    for axis in range(3):
        fraction, margin = fractions[owner, axis], margins[owner, axis]
        lowest = np.where(margin < 0, 0, np.ceil(-margin - fraction)).astype(np.int64)
        highest = np.where(margin < 0, 0, np.floor(1 + margin - fraction)).astype(np.int64)
        counts = highest - lowest + 1
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        owner, shifts = np.repeat(owner, counts), np.repeat(shifts, counts, axis=0)
        shifts[:, axis] = np.repeat(lowest, counts) + place
    return owner, shifts


def _along(shifts: Integers, cells: Floats) -> Floats:
    steps: Floats = (
        shifts[:, 0, None] * cells[:, 0] + shifts[:, 1, None] * cells[:, 1] + shifts[:, 2, None] * cells[:, 2]
    )
    return steps
