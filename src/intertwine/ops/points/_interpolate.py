"""Features carried from one cloud to another by invariant weights: equivariant whatever the features are."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.graph._segments import segment_max, segment_sum
from intertwine.ops.points._neighbors import knn_graph

_COINCIDENT = 1e-8  # squared distance, relative to the farthest neighbor's, at which a point all but decides alone
_FLOOR = 1e-3  # weight of the farthest neighbor, which lets equally far ones have equal shares


def interpolate(
    features: Tensor,
    positions: Tensor,
    queries: Tensor,
    batch: Tensor | None = None,
    query_batch: Tensor | None = None,
    *,
    count: int = 3,
) -> Tensor:
    """The mean of the features of the nearest points, weighted by the inverse squared distance.

        f(q) = sum_j w_j f_j / sum_j w_j,      w_j = 1 / |q - x_j|^2

    Args:
        features: ``(N, ...)``.
        positions: ``(N, d)`` where the features are.
        queries: ``(M, d)`` where they are wanted.
        batch: ``(N,)`` structure of each point; ``None`` for a single structure.
        query_batch: ``(M,)`` structure of each query; ``None`` for a single structure.
        count: How many points to look at.

    Returns:
        ``(M, ...)``; at a point the features of the point, to eight digits; zero in a structure without points.

    Law: linear in the features with weights that depend on distances alone, hence equivariant under any representation;
    invariant under rotations, translations, renumbering and a change of unit.

    Reference: Qi et al., PointNet++, NeurIPS 2017, eq. 2.

    Example:
        >>> interpolate(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0]])).tolist()
        [[0.6000000238418579]]
    """
    source, target = knn_graph(positions, count, batch, queries=queries, query_batch=query_batch)
    squared = (positions.index_select(0, source) - queries.index_select(0, target)).square().sum(-1)
    closeness = 1 / (_relative(squared, target, queries.shape[0]) + _COINCIDENT)
    return _mean(features, closeness, source, target, queries.shape[0])


def neighbor_mean(features: Tensor, graph: Graph, lengths: Tensor) -> Tensor:
    """The mean of the features around each target, weighted by a bump that ends at its farthest neighbor.

        f(q) = sum_j w_j f_j / sum_j w_j,      w_j = 1.001 - |q - x_j|^2 / max_k |q - x_k|^2

    Args:
        features: ``(N, ...)``.
        graph: Edges from the N points to M targets.
        lengths: ``(E,)`` of the edges.

    Returns:
        ``(M, ...)``; where all neighbors are equally far, their plain mean; zero for a target without neighbors.
        Where one farthest neighbor gives way to another it jumps by a thousandth or less of their difference, if the
        target is one of its own neighbors.

    Law: as :func:`interpolate`.

    Example:
        >>> from intertwine.ops import arrange
        >>> graph = arrange(torch.tensor([[0, 1, 2], [0, 0, 0]]), 1)
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> neighbor_mean(x, graph, x[:, 0]).tolist()  # weights 1, 3/4 and nearly 0
        [[0.4295493960380554]]
    """
    bump = 1 + _FLOOR - _relative(lengths.square(), graph.target, graph.size)
    return _mean(features, bump, graph.source, graph.target, graph.size)


def _relative(squared: Tensor, target: Tensor, size: int) -> Tensor:
    """Squared distances over the largest into the same target; zero where all are."""
    largest = segment_max(squared, target, size).index_select(0, target)
    return squared / torch.where(largest == 0, 1.0, largest)


def _mean(features: Tensor, weights: Tensor, source: Tensor, target: Tensor, size: int) -> Tensor:
    shape = (-1, *[1] * (features.ndim - 1))
    weights = weights.to(features.dtype)
    total = segment_sum(weights, target, size)
    shares = weights / total.index_select(0, target)
    return segment_sum(features.index_select(0, source) * shares.view(shape), target, size)
