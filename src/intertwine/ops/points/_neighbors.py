"""Which points are near which: graphs from positions, by k-d trees, never by all pairs.

No gradient passes through the choice of neighbors. Both functions are operators of torch, so that models which make
their graphs themselves compile and export.
"""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine.ops.points._clouds import (
    Booleans,
    Floats,
    Integers,
    as_points,
    as_structures,
    edges_like,
    extent,
    spread,
    squared_distances,
)
from intertwine.ops.points._periodic import periodic_edges

_SLACK = 1 + 1e-9  # the tree rounds its distances otherwise than we do: it finds a little more, of which we keep enough


@overload
def radius_graph(positions: Tensor, cutoff: float, batch: Tensor | None = None) -> Tensor: ...


@overload
def radius_graph(
    positions: Tensor, cutoff: float, batch: Tensor | None = None, *, cell: Tensor
) -> tuple[Tensor, Tensor]: ...


def radius_graph(
    positions: Tensor, cutoff: float, batch: Tensor | None = None, *, cell: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """Edges between all distinct points of the same structure that are closer than a cutoff.

    Args:
        positions: ``(N, d)``, finite.
        cutoff: In the unit of the positions, positive.
        batch: ``(N,)`` structure of each point; ``None`` for a single structure.
        cell: For crystals: the lattice vectors as rows, ``(3, 3)``, or ``(S, 3, 3)`` one cell for each structure. A row
            of zeros is a direction that does not repeat.

    Returns:
        ``(2, E)`` int64, source row over target row, sorted by target and then by source; each pair stands in both
        directions, no point is its own neighbor, and coincident points are neighbors.

        With a cell also the shifts ``(E, 3)``, int64: edge e has the vector ``positions[source] + shift @ cell -
        positions[target]``. All images count, of the point itself too; positions need not lie in the cell.

    Raises:
        ValueError: If the positions are not finite, the cutoff is not positive, the batch does not fit or the lattice
            vectors are not independent.

    Cost: ``O(N log N + E)``.

    Example:
        >>> radius_graph(torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]]), 1.5).tolist()
        [[1, 0], [0, 1]]
        >>> edges, shifts = radius_graph(torch.zeros(1, 3), 1.5, cell=torch.diag(torch.tensor([1.0, 2.0, 0.0])))
        >>> edges.tolist(), shifts.tolist()
        ([[0, 0], [0, 0]], [[-1, 0, 0], [1, 0, 0]])
    """
    if not cutoff > 0:
        raise ValueError(f"the cutoff must be positive, got {cutoff}")
    if cell is not None:
        return periodic_edges(positions, float(cutoff), batch, cell)
    edges: Tensor = _radius_graph(positions.detach(), float(cutoff), batch)
    return edges


@torch.library.custom_op("intertwine::radius_graph", mutates_args=())
def _radius_graph(positions: Tensor, cutoff: float, batch: Tensor | None) -> Tensor:
    points = as_points(positions)
    return edges_like(*near_pairs(points, as_structures(batch, len(points)), cutoff), positions)


@_radius_graph.register_fake
def _(positions: Tensor, cutoff: float, batch: Tensor | None) -> Tensor:
    return positions.new_empty((2, torch.library.get_ctx().new_dynamic_size()), dtype=torch.int64)


def near_pairs(points: Floats, structures: Integers, cutoff: float) -> tuple[Integers, Integers]:
    """Sources and targets of all ordered pairs within a cutoff, sorted by target and then by source."""
    if len(points) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    reach = min(cutoff, extent(points)) * _SLACK
    pairs = cKDTree(spread(points, structures, reach)).query_pairs(reach, output_type="ndarray")
    pairs = pairs[squared_distances(points, pairs[:, 0], pairs[:, 1]) < cutoff * cutoff].astype(np.int64, copy=False)
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.argsort(target * len(points) + source, kind="stable")
    return source[order], target[order]


def knn_graph(
    positions: Tensor,
    count: int,
    batch: Tensor | None = None,
    *,
    queries: Tensor | None = None,
    query_batch: Tensor | None = None,
) -> Tensor:
    """Edges from the ``count`` nearest other points of the same structure to each point, or to each query.

    Args:
        positions: ``(N, d)``, finite.
        count: Neighbors of each point, or all there are where a structure has fewer.
        batch: ``(N,)`` structure of each point; ``None`` for a single structure.
        queries: ``(M, d)`` other points, whose neighbors among ``positions`` are wanted, coincident ones included.
        query_batch: ``(M,)`` structure of each query; ``None`` for a single structure.

    Returns:
        ``(2, E)`` int64, source row over target row, sorted by target and then by distance. Targets are queries where
        there are any. Without a batch, ``E = N min(count, N - 1)``. Which of equally distant points comes first is left
        to the tree.

    Raises:
        ValueError: If the points are not finite, the count is not positive or the batch does not fit.

    Cost: ``O((N + M) log N + E)``, one tree for all structures.

    Example:
        >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist()
        [[1, 0, 1], [0, 1, 2]]
        >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0]]), 2, queries=torch.tensor([[2.9]])).tolist()
        [[2, 1], [0, 0]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if queries is None and query_batch is not None:
        raise ValueError("query_batch came without queries; give the structures of the points as batch")
    where = None if queries is None else queries.detach()
    edges: Tensor = _nearest(positions.detach(), count, batch, where, query_batch)
    return edges


@torch.library.custom_op("intertwine::knn_graph", mutates_args=())
def _nearest(
    positions: Tensor, count: int, batch: Tensor | None, queries: Tensor | None, query_batch: Tensor | None
) -> Tensor:
    points = as_points(positions)
    structures = as_structures(batch, len(points))
    if queries is None:
        return edges_like(*_nearest_others(points, structures, count), positions)
    asked = as_points(queries, "queries")
    owners = as_structures(query_batch, len(asked), "query_batch")
    if asked.shape[1] != points.shape[1]:
        raise ValueError(f"positions {points.shape} and queries {asked.shape} must be points of one space")
    found = _nearest_of(points, structures, asked, owners, count)
    kept = _same_structure(found, structures, owners)
    return edges_like(found[kept], np.nonzero(kept)[0], positions)


@_nearest.register_fake
def _(
    positions: Tensor, count: int, batch: Tensor | None, queries: Tensor | None, query_batch: Tensor | None
) -> Tensor:
    return positions.new_empty((2, torch.library.get_ctx().new_dynamic_size()), dtype=torch.int64)


def _nearest_others(points: Floats, structures: Integers, count: int) -> tuple[Integers, Integers]:
    found = _nearest_of(points, structures, points, structures, count + 1)
    kept = _same_structure(found, structures, structures)
    own = found == np.arange(len(points))[:, None]
    if found.shape[1] > count:
        own[~own.any(1), -1] = True  # coincident points may push a point out of its own list
    kept &= ~own
    return found[kept], np.nonzero(kept)[0]


def _nearest_of(points: Floats, structures: Integers, asked: Floats, owners: Integers, count: int) -> Integers:
    """The nearest ``(M, k)`` by distance; from some place on they may belong to another structure."""
    largest = int(np.bincount(structures).max(initial=0)) if len(points) else 0
    count = min(count, largest)
    if count < 1 or not len(asked):
        return np.zeros((len(asked), 0), np.int64)
    reach = extent(points, asked) * _SLACK
    together = np.concatenate([structures, owners])
    first, rest = np.split(spread(np.concatenate([points, asked]), together, reach), [len(points)])
    found = cKDTree(first).query(rest, k=count, workers=torch.get_num_threads())[1]
    nearest: Integers = found.reshape(len(asked), count).astype(np.int64, copy=False)
    return nearest


def _same_structure(found: Integers, structures: Integers, owners: Integers) -> Booleans:
    same: Booleans = structures[found] == owners[:, None]
    return same
