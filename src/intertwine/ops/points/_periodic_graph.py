"""Periodic radius graph of crystals, by a k-d tree over the unit cell and the images near it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.ops.points._batched_points import (
    Booleans,
    Floats,
    Integers,
    check_batch,
    check_points,
    edge_index,
    separate_clouds,
)

_SLACK = 1 + 1e-9  # the tree rounds distances differently: search a little farther, then compare exactly
_FLAT = 1e-9  # volume of the cell over the product of its edges, below which lattice vectors are not independent


def periodic_edges(positions: Tensor, cutoff: float, batch: Tensor | None, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Edges ``(2, E)`` and shifts ``(E, 3)`` of a periodic radius graph, see ``radius_graph``."""
    from scipy.spatial import cKDTree  # a tenth of a second to import

    points = check_points(positions)
    cloud = check_batch(batch, len(points))
    cells, periodic = _cells(cell, int(cloud.max(initial=0)) + 1)
    if points.shape[1] != 3:
        raise ValueError(f"a cell needs positions (N, 3), got {points.shape}")
    if not np.isfinite(cutoff):
        raise ValueError(f"a crystal needs a finite cutoff, got {cutoff}")
    inverse = np.linalg.inv(cells)
    fractional = np.einsum("ni,nij->nj", points, inverse[cloud])
    wrap = np.where(periodic[cloud], np.floor(fractional), 0).astype(np.int64)
    wrapped = points - _lattice_vectors(wrap, cells[cloud])
    # A point at a height below -margin or above 1 + margin is farther than the cutoff from every point of the cell.
    margins = cutoff * _SLACK * np.linalg.norm(inverse, axis=1) + 1e-9
    image_of, image_shift = _images(fractional - wrap, np.where(periodic, margins, -1)[cloud])
    images = wrapped[image_of] + _lattice_vectors(image_shift, cells[cloud[image_of]])
    radius = cutoff * _SLACK + 1e-9 * float(np.abs(wrapped).max(initial=0))
    both = separate_clouds(np.concatenate([wrapped, images]), np.concatenate([cloud, cloud[image_of]]), 2 * radius)
    point_tree, image_tree = (cKDTree(part) for part in np.split(both, [len(points)]))
    found = point_tree.sparse_distance_matrix(image_tree, radius, output_type="ndarray")
    target, image = found["i"].astype(np.int64), found["j"].astype(np.int64)
    source = image_of[image]
    shifts = image_shift[image] - wrap[source] + wrap[target]
    vectors = (points[source] - points[target]) + _lattice_vectors(shifts, cells[cloud[target]])
    valid = (vectors**2).sum(1) < cutoff * cutoff
    valid &= (source != target) | shifts.any(1)
    order = np.flatnonzero(valid)[np.lexsort((*shifts[valid].T[::-1], source[valid], target[valid]))]
    return edge_index(source[order], target[order], positions), torch.from_numpy(shifts[order]).to(positions.device)


def _cells(cell: Tensor, num_graphs: int) -> tuple[Floats, Booleans]:
    """Invertible cells ``(S, 3, 3)``, and which of their rows are periodic ``(S, 3)``; the others are completed.

    Raises:
        ValueError: If the lattice vectors are not independent, or there are not enough cells.
    """
    if cell.shape != (3, 3) and (cell.ndim != 3 or cell.shape[1:] != (3, 3) or len(cell) < num_graphs):
        raise ValueError(
            f"cell must be (3, 3), or ({num_graphs}, 3, 3) for {num_graphs} point clouds, got {tuple(cell.shape)}"
        )
    rows = check_points(cell.reshape(-1, 3), "lattice vectors").reshape(-1, 3, 3)
    cells = np.array(rows if cell.ndim == 3 else np.broadcast_to(rows, (num_graphs, 3, 3)))
    periodic: Booleans = (cells != 0).any(axis=2)
    for number in np.flatnonzero(~periodic.all(1)):
        missing = ~periodic[number]
        cells[number, missing] = np.linalg.svd(cells[number])[2][3 - missing.sum() :]
    edges = np.linalg.norm(cells, axis=2).prod(1)
    flat = np.abs(np.linalg.det(cells)) <= _FLAT * edges
    if flat.any():
        bad = int(flat.argmax())
        raise ValueError(f"lattice vectors must be independent; cell {bad} is {cells[bad].tolist()}")
    return cells, periodic


def _images(fractions: Floats, margins: Floats) -> tuple[Integers, Integers]:
    """The periodic images that lie within a margin of the cell: of which point, and shifted by how many cells.

    Args:
        fractions: ``(N, 3)`` fractional coordinates in [0, 1).
        margins: ``(N, 3)`` in fractional coordinates; negative for a direction that is not periodic.

    Returns:
        The point ``(I,)`` and the shift ``(I, 3)`` of each image.
    """
    image_of = np.arange(len(fractions))
    shifts = np.zeros((len(fractions), 3), np.int64)
    for axis in range(3):
        fraction, margin = fractions[image_of, axis], margins[image_of, axis]
        lowest = np.where(margin < 0, 0, np.ceil(-margin - fraction)).astype(np.int64)
        highest = np.where(margin < 0, 0, np.floor(1 + margin - fraction)).astype(np.int64)
        counts = highest - lowest + 1
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        image_of, shifts = np.repeat(image_of, counts), np.repeat(shifts, counts, axis=0)
        shifts[:, axis] = np.repeat(lowest, counts) + offset
    return image_of, shifts


def _lattice_vectors(shifts: Integers, cells: Floats) -> Floats:
    """``(N, 3)``: shift times cell, summed row by row."""
    steps: Floats = (
        shifts[:, 0, None] * cells[:, 0] + shifts[:, 1, None] * cells[:, 1] + shifts[:, 2, None] * cells[:, 2]
    )
    return steps
