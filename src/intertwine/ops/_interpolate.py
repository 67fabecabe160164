"""Features carried from one cloud to another by invariant weights: equivariant whatever the features are."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops._neighbours import nearest_neighbours
from intertwine.ops._segments import segment_max, segment_sum

_COINCIDENT = 1e-8  # squared distance, relative to the farthest neighbour's, at which a point all but decides alone
_FLOOR = 1e-3  # weight of the farthest neighbour, which lets equally far ones have equal shares


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
    edges = nearest_neighbours(positions, count, batch, queries=queries, query_batch=query_batch)
    closeness = 1 / (_relative(positions, queries, edges) + _COINCIDENT)
    return _mean(features, closeness, edges, queries.shape[0])


def neighbour_mean(
    features: Tensor,
    positions: Tensor,
    queries: Tensor,
    batch: Tensor | None = None,
    query_batch: Tensor | None = None,
    *,
    count: int = 16,
) -> Tensor:
    """The mean of the features around each query, weighted by a bump that ends at the farthest of the nearest points.

        f(q) = sum_j w_j f_j / sum_j w_j,      w_j = 1.001 - |q - x_j|^2 / max_k |q - x_k|^2

    Args:
        features: ``(N, ...)``.
        positions: ``(N, d)`` where the features are.
        queries: ``(M, d)`` where they are wanted.
        batch: ``(N,)`` structure of each point; ``None`` for a single structure.
        query_batch: ``(M,)`` structure of each query; ``None`` for a single structure.
        count: How many points to look at.

    Returns:
        ``(M, ...)``; where all neighbours are equally far, their plain mean; zero in a structure without points. Where
        one farthest neighbour gives way to another it jumps by a thousandth or less of their difference, if the query
        is one of the points.

    Law: as :func:`interpolate`.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> neighbour_mean(x, x, x[:1], count=3).tolist()  # weights 1, 3/4 and nearly 0
        [[0.4295493960380554]]
    """
    edges = nearest_neighbours(positions, count, batch, queries=queries, query_batch=query_batch)
    bump = 1 + _FLOOR - _relative(positions, queries, edges)
    return _mean(features, bump, edges, queries.shape[0])


def _relative(positions: Tensor, queries: Tensor, edges: Tensor) -> Tensor:
    """Squared distances of the edges over the largest into the same target; zero where all are."""
    source, target = edges
    squared = (positions.index_select(0, source) - queries.index_select(0, target)).square().sum(-1)
    largest = segment_max(squared, target, queries.shape[0]).index_select(0, target)
    return squared / torch.where(largest == 0, 1.0, largest)


def _mean(features: Tensor, weights: Tensor, edges: Tensor, size: int) -> Tensor:
    source, target = edges
    shape = (-1, *[1] * (features.ndim - 1))
    weights = weights.to(features.dtype)
    total = segment_sum(weights, target, size)
    shares = weights / total.index_select(0, target)
    return segment_sum(features.index_select(0, source) * shares.view(shape), target, size)
