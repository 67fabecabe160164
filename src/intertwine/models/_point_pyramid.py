"""Pyramid of ever smaller point clouds by farthest point sampling, with the graphs on and between its levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.nn import Geometry
from intertwine.ops import farthest_point_sampling, knn_graph, segment_sum

_LEAST_POINTS = 2
"""Points that every level keeps, of a structure that has them."""


class PyramidLevel(NamedTuple):
    """Point cloud of one level.

    Attributes:
        positions: ``(M, 3)``.
        batch: ``(M,)`` structure of each point.
        geometry: Edges among the points; ``None`` if no layer needs them.
        sample_index: ``(M,)`` which points of the level before they are; ``None`` at the first.
        pooling_geometry: Edges from the level before to the points; ``None`` at the first.
    """

    positions: Tensor
    batch: Tensor
    geometry: Geometry | None
    sample_index: Tensor | None = None
    pooling_geometry: Geometry | None = None


def point_pyramid(
    positions: Tensor,
    edges: Tensor | None,
    batch: Tensor,
    structures: int,
    *,
    ratio: int,
    k: int,
    pool_neighbors: int,
    lmax: int,
    with_graph: Sequence[bool],
) -> list[PyramidLevel]:
    """The levels of a point cloud, finest first.

    Args:
        positions: ``(N, 3)``.
        edges: ``(2, E)`` edges of the first level; ``None`` for the nearest neighbors.
        batch: ``(N,)`` structure of each point.
        structures: Number of structures.
        ratio: Points of a level for one of the next, rounded up in every structure; two points both stay, since neither
            is farther from their center than the other.
        k: Nearest neighbors of a point on its level.
        pool_neighbors: Nearest neighbors of a point on the level before.
        lmax: Highest degree of the spherical harmonics.
        with_graph: Of each level, whether it needs a graph of its own.

    Returns:
        One level for each entry of ``with_graph``.
    """
    first = None
    if with_graph[0]:
        edges = knn_graph(positions, k, batch) if edges is None else edges
        first = Geometry.from_edges(positions, edges, lmax)
    levels = [PyramidLevel(positions, batch, first)]
    for needed in with_graph[1:]:
        fine = levels[-1]
        counts = segment_sum(torch.ones_like(fine.batch), fine.batch, structures)
        kept = torch.maximum((counts + ratio - 1) // ratio, counts.clamp(max=_LEAST_POINTS))
        index = farthest_point_sampling(fine.positions, kept, fine.batch)
        coarse, coarse_batch = fine.positions.index_select(0, index), fine.batch.index_select(0, index)
        pooling_edges = knn_graph(fine.positions, pool_neighbors, fine.batch, queries=coarse, query_batch=coarse_batch)
        pooling_geometry = Geometry.from_edges(fine.positions, pooling_edges, lmax, coarse)
        level_geometry = Geometry.from_edges(coarse, knn_graph(coarse, k, coarse_batch), lmax) if needed else None
        levels.append(PyramidLevel(coarse, coarse_batch, level_geometry, index, pooling_geometry))
    return levels
