"""Radius graph and k-nearest-neighbor graph, by k-d trees.

No gradient passes through the choice of neighbors. Both functions are torch operators, so that models which build
their graphs themselves can be compiled and exported.
"""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops.points._batched_points import (
    Floats,
    Integers,
    bounding_box_diagonal,
    check_batch,
    check_points,
    edge_index,
    separate_clouds,
    squared_distances,
)
from intertwine.ops.points._periodic_graph import periodic_edges

_SLACK = 1 + 1e-9  # the tree rounds distances differently: search a little farther, then compare exactly


@overload
def radius_graph(positions: Tensor, cutoff: float, batch: Tensor | None = None) -> Tensor: ...


@overload
def radius_graph(
    positions: Tensor, cutoff: float, batch: Tensor | None = None, *, cell: Tensor
) -> tuple[Tensor, Tensor]: ...


def radius_graph(
    positions: Tensor, cutoff: float, batch: Tensor | None = None, *, cell: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """Edges between all distinct points of the same cloud that are closer than a cutoff.

    Args:
        positions: ``(N, d)``, finite.
        cutoff: In the unit of the positions, positive.
        batch: ``(N,)`` cloud of each point; ``None`` for a single cloud.
        cell: For crystals: the lattice vectors as rows, ``(3, 3)``, or ``(S, 3, 3)`` one cell for each cloud. A row
            of zeros is a direction that is not periodic.

    Returns:
        ``(2, E)`` int64, source row over target row, sorted by target and then by source; each pair appears in both
        directions, no point is its own neighbor, and coincident points are neighbors.

        With a cell also the shifts ``(E, 3)``, int64: edge e has the vector ``positions[source] + shift @ cell -
        positions[target]``. All periodic images are neighbors, those of the point itself too; positions need not lie in
        the cell.

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


@operator("radius_graph")
def _radius_graph(positions: Tensor, cutoff: float, batch: Tensor | None) -> Tensor:
    points = check_points(positions)
    return edge_index(*_radius_pairs(points, check_batch(batch, len(points)), cutoff), positions)


@_radius_graph.register_fake
def _(positions: Tensor, cutoff: float, batch: Tensor | None) -> Tensor:
    return positions.new_empty((2, torch.library.get_ctx().new_dynamic_size()), dtype=torch.int64)


def _radius_pairs(points: Floats, batch: Integers, cutoff: float) -> tuple[Integers, Integers]:
    """Sources and targets of all ordered pairs of a cloud within a cutoff, sorted by target and then by source."""
    from scipy.spatial import cKDTree  # a tenth of a second to import

    if len(points) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    radius = min(cutoff, bounding_box_diagonal(points)) * _SLACK
    pairs = cKDTree(separate_clouds(points, batch, radius)).query_pairs(radius, output_type="ndarray")
    pairs = pairs[squared_distances(points, pairs[:, 0], pairs[:, 1]) < cutoff * cutoff].astype(np.int64, copy=False)
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.argsort(target * len(points) + source, kind="stable")
    return source[order], target[order]


def knn_graph(
    positions: Tensor,
    k: int,
    batch: Tensor | None = None,
    *,
    queries: Tensor | None = None,
    query_batch: Tensor | None = None,
) -> Tensor:
    """Edges from the k nearest other points of the same cloud to each point, or to each query.

    Args:
        positions: ``(N, d)``, finite.
        k: Neighbors of each point, or all there are where a cloud has fewer.
        batch: ``(N,)`` cloud of each point; ``None`` for a single cloud.
        queries: ``(M, d)`` other points, to connect to their neighbors among ``positions``, coincident ones included.
        query_batch: ``(M,)`` cloud of each query; ``None`` for a single cloud.

    Returns:
        ``(2, E)`` int64, source row over target row, sorted by target and then by distance. Targets are queries where
        there are any. Without a batch, ``E = N min(k, N - 1)``. The order of equally distant points is unspecified.

    Raises:
        ValueError: If the points are not finite, k is not positive or the batch does not fit.

    Cost: ``O((N + M) log N + E)``, one tree for all clouds.

    Example:
        >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist()
        [[1, 0, 1], [0, 1, 2]]
        >>> knn_graph(torch.tensor([[0.0], [1.0], [3.0]]), 2, queries=torch.tensor([[2.9]])).tolist()
        [[2, 1], [0, 0]]
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if queries is None and query_batch is not None:
        raise ValueError("query_batch was given without queries; pass the cloud of each point as batch")
    queries = None if queries is None else queries.detach()
    edges: Tensor = _knn_graph(positions.detach(), k, batch, queries, query_batch)
    return edges


@operator("knn_graph")
def _knn_graph(
    positions: Tensor, k: int, batch: Tensor | None, queries: Tensor | None, query_batch: Tensor | None
) -> Tensor:
    points = check_points(positions)
    cloud = check_batch(batch, len(points))
    if queries is None:
        return edge_index(*_nearest_others(points, cloud, k), positions)
    query_points = check_points(queries, "queries")
    query_cloud = check_batch(query_batch, len(query_points), "query_batch")
    if query_points.shape[1] != points.shape[1]:
        raise ValueError(
            f"positions {points.shape} and queries {query_points.shape} must have the same number of coordinates"
        )
    neighbors = _nearest(points, cloud, query_points, query_cloud, k)
    valid = cloud[neighbors] == query_cloud[:, None]
    return edge_index(neighbors[valid], np.nonzero(valid)[0], positions)


@_knn_graph.register_fake
def _(positions: Tensor, k: int, batch: Tensor | None, queries: Tensor | None, query_batch: Tensor | None) -> Tensor:
    return positions.new_empty((2, torch.library.get_ctx().new_dynamic_size()), dtype=torch.int64)


def _nearest_others(points: Floats, cloud: Integers, k: int) -> tuple[Integers, Integers]:
    """Sources and targets of the edges from the k nearest other points of the same cloud."""
    neighbors = _nearest(points, cloud, points, cloud, k + 1)
    valid = cloud[neighbors] == cloud[:, None]
    itself = neighbors == np.arange(len(points))[:, None]
    if neighbors.shape[1] > k:
        itself[~itself.any(1), -1] = True  # coincident points may displace a point from its own list
    valid &= ~itself
    return neighbors[valid], np.nonzero(valid)[0]


def _nearest(points: Floats, cloud: Integers, queries: Floats, query_cloud: Integers, k: int) -> Integers:
    """The k nearest points ``(M, k)`` by distance; from some column on they may belong to another cloud."""
    from scipy.spatial import cKDTree  # a tenth of a second to import

    largest_cloud = int(np.bincount(cloud).max(initial=0)) if len(points) else 0
    k = min(k, largest_cloud)
    if k < 1 or not len(queries):
        return np.zeros((len(queries), 0), np.int64)
    diagonal = bounding_box_diagonal(points, queries) * _SLACK
    separated = separate_clouds(np.concatenate([points, queries]), np.concatenate([cloud, query_cloud]), diagonal)
    tree = cKDTree(separated[: len(points)])
    nearest = tree.query(separated[len(points) :], k=k, workers=torch.get_num_threads())[1]
    neighbors: Integers = nearest.reshape(len(queries), k).astype(np.int64, copy=False)
    return neighbors
