"""Interpolation and pooling of features between point clouds, with weights that depend on distances alone."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import Graph, segment_max, segment_sum
from intertwine.ops.points._neighbor_graphs import knn_graph

_COINCIDENT = 1e-8  # added to squared distances relative to the farthest neighbor's: a coincident point dominates
_FLOOR = 1e-3  # weight of the farthest neighbor, so that equally far neighbors have equal weights


def knn_interpolate(
    features: Tensor,
    positions: Tensor,
    queries: Tensor,
    batch: Tensor | None = None,
    query_batch: Tensor | None = None,
    *,
    k: int = 3,
) -> Tensor:
    """Mean of the features of the k nearest points, weighted by the inverse squared distance.

        f(q) = sum_j w_j f_j / sum_j w_j,      w_j = 1 / |q - x_j|^2

    Args:
        features: ``(N, ...)``.
        positions: ``(N, d)`` of the features.
        queries: ``(M, d)`` positions to interpolate at.
        batch: ``(N,)`` cloud of each point; ``None`` for a single cloud.
        query_batch: ``(M,)`` cloud of each query; ``None`` for a single cloud.
        k: Number of nearest points.

    Returns:
        ``(M, ...)``; at a point the features of the point, to eight digits; zero in a cloud without points.

    Law: linear in the features with weights that depend on distances alone, hence equivariant under any representation;
    invariant under rotations, translations, renumbering and a change of unit.

    Reference: Qi et al., PointNet++, NeurIPS 2017, eq. 2.

    Example:
        >>> knn_interpolate(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0]])).tolist()
        [[0.6000000238418579]]
    """
    source, target = knn_graph(positions, k, batch, queries=queries, query_batch=query_batch)
    squared = (positions.index_select(0, source) - queries.index_select(0, target)).square().sum(-1)
    weights = 1 / (_relative(squared, target, queries.shape[0]) + _COINCIDENT)
    return _weighted_mean(features, weights, source, target, queries.shape[0])


def avg_pool_neighbors(features: Tensor, graph: Graph, lengths: Tensor) -> Tensor:
    """Average pooling over neighbors, weighted by an Epanechnikov kernel that ends at the farthest neighbor.

        f(q) = sum_j w_j f_j / sum_j w_j,      w_j = 1.001 - |q - x_j|^2 / max_k |q - x_k|^2

    Args:
        features: ``(N, ...)``.
        graph: Edges from the N points to M targets.
        lengths: ``(E,)`` edge lengths.

    Returns:
        ``(M, ...)``; where all neighbors are equally far, their plain mean; zero for a target without neighbors.
        Where one farthest neighbor gives way to another it jumps by a thousandth or less of their difference, if the
        target is one of its own neighbors.

    Law: as :func:`knn_interpolate`.

    Example:
        >>> graph = Graph.from_edges(torch.tensor([[0, 1, 2], [0, 0, 0]]), 1)
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> avg_pool_neighbors(x, graph, x[:, 0]).tolist()  # weights 1, 3/4 and nearly 0
        [[0.4295493960380554]]
    """
    weights = 1 + _FLOOR - _relative(lengths.square(), graph.target, graph.num_nodes)
    return _weighted_mean(features, weights, graph.source, graph.target, graph.num_nodes)


def _relative(squared: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Squared distances divided by the largest into the same target; zero where all are."""
    largest = segment_max(squared, target, num_nodes).index_select(0, target)
    return squared / torch.where(largest == 0, 1.0, largest)


def _weighted_mean(features: Tensor, weights: Tensor, source: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    shape = (-1, *[1] * (features.ndim - 1))
    weights = weights.to(features.dtype)
    total = segment_sum(weights, target, num_nodes)
    weights = weights / total.index_select(0, target)
    return segment_sum(features.index_select(0, source) * weights.view(shape), target, num_nodes)
