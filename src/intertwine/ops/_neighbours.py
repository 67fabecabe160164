"""Which points are near which: graphs from positions, by k-d trees, never by all pairs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor


def radius_graph(positions: Tensor, cutoff: float, batch: Tensor | None = None) -> Tensor:
    """Edges between all distinct points of the same structure that are closer than a cutoff.

    Args:
        positions: ``(N, d)``, finite.
        cutoff: In the unit of the positions, positive.
        batch: ``(N,)`` structure of each point, ascending; ``None`` for a single structure.

    Returns:
        ``(2, E)`` int64, source row over target row, sorted by target and then by source; each pair stands in both
        directions, no point is its own neighbour, and coincident points are neighbours.

    Raises:
        ValueError: If the positions are not finite, the cutoff is not positive or the batch does not fit.

    Cost: ``O(N log N + E)``.

    Example:
        >>> radius_graph(torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]]), 1.5).tolist()
        [[1, 0], [0, 1]]
    """
    if positions.ndim != 2:
        raise ValueError(f"positions must have shape (N, d), got {tuple(positions.shape)}")
    if not cutoff > 0:
        raise ValueError(f"the cutoff must be positive, got {cutoff}")
    points = positions.detach().cpu().double().numpy()
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(1).argmax())
        raise ValueError(f"positions must be finite; point {bad} is {points[bad].tolist()}")
    if batch is None:
        pairs = _close_pairs(points, cutoff)
    else:
        structures = batch.cpu().numpy()
        if structures.shape != (len(points),) or (np.diff(structures) < 0).any():
            raise ValueError("batch must hold one ascending structure number for each point")
        bounds = np.flatnonzero(np.diff(structures, prepend=-1, append=-2))
        found = [_close_pairs(points[a:b], cutoff) + a for a, b in pairwise(bounds)]
        pairs = np.concatenate(found) if found else np.empty((0, 2), np.int64)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 0], both[:, 1]))
    return torch.from_numpy(np.ascontiguousarray(both[order].T)).to(positions.device)


def _close_pairs(points: np.ndarray[Any, Any], cutoff: float) -> np.ndarray[Any, Any]:
    if len(points) < 2:
        return np.empty((0, 2), np.int64)
    pairs = cKDTree(points).query_pairs(cutoff, output_type="ndarray").astype(np.int64)
    near = ((points[pairs[:, 0]] - points[pairs[:, 1]]) ** 2).sum(1) < cutoff * cutoff
    close: np.ndarray[Any, Any] = pairs[near]
    return close


def nearest_neighbours(positions: Tensor, count: int) -> Tensor:
    """Edges from the ``count`` nearest other points to each point.

    Args:
        positions: ``(N, d)``, finite.
        count: Neighbours of each point; at most N - 1 are found.

    Returns:
        ``(2, N * min(count, N - 1))`` int64, source row over target row, sorted by target and then by distance.

    Raises:
        ValueError: If the positions are not finite or the count is not positive.

    Example:
        >>> nearest_neighbours(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist()
        [[1, 0, 1], [0, 1, 2]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    points = positions.detach().cpu().double().numpy()
    if not np.isfinite(points).all():
        raise ValueError("positions must be finite")
    size = len(points)
    count = min(count, size - 1)
    if count < 1:
        return torch.zeros((2, 0), dtype=torch.int64, device=positions.device)
    found = cKDTree(points).query(points, k=count + 1)[1].reshape(size, count + 1)
    own = found == np.arange(size)[:, None]
    own[~own.any(1), -1] = True  # coincident points may push a point out of its own list
    source = found[~own].reshape(-1)
    edges = np.stack([source, np.repeat(np.arange(size), count)]).astype(np.int64)
    return torch.from_numpy(edges).to(positions.device)
