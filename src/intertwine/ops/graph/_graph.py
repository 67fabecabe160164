"""A graph arranged for sums over neighbors: edges by target, targets by their number of edges."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._segments import segment_sum


class Graph(NamedTuple):
    """Edges in an order that makes every sum over neighbors a few batched matrix products.

    Attributes:
        source: ``(E,)`` where each edge comes from.
        target: ``(E,)`` where it goes.
        rank: ``(E,)`` place of its target among all nodes, sorted by number of edges; ascending.
        places: ``(N,)`` place of each node in that order.
    """

    source: Tensor
    target: Tensor
    rank: Tensor
    places: Tensor

    @property
    def size(self) -> int:
        """The number of nodes."""
        return self.places.shape[0]

    def vectors(self, positions: Tensor, targets: Tensor | None = None) -> Tensor:
        """``(E, 3)``: position of the source minus position of the target, which may be a point of another cloud."""
        targets = positions if targets is None else targets
        return positions.index_select(0, self.source) - targets.index_select(0, self.target)


def arrange(edges: Tensor, size: int) -> Graph:
    """Sort the edges of a graph for sums over neighbors. The nodes keep their numbers.

    Args:
        edges: ``(2, E)``, source row over target row, in any order.
        size: Number of nodes.

    Returns:
        The graph.

    Example:
        >>> graph = arrange(torch.tensor([[1, 2, 0], [0, 0, 1]]), 3)
        >>> graph.target.tolist(), graph.rank.tolist(), graph.places.tolist()
        ([1, 0, 0], [1, 2, 2], [2, 1, 0])
    """
    source, target = edges
    counts = segment_sum(torch.ones_like(target), target, size)
    places = torch.argsort(torch.argsort(counts, stable=True))
    rank = places.index_select(0, target)
    order = torch.argsort(rank, stable=True)
    return Graph(source[order], target[order], rank[order], places)


def fan(source: Tensor) -> Graph:
    """The graph in which each node has as many edges as any other, from a table of where they come from.

    Args:
        source: ``(N, K)`` integers.

    Returns:
        The graph on N nodes, its edges in the order of the table.

    Example:
        >>> fan(torch.tensor([[1, 2], [2, 2]])).target.tolist()
        [0, 0, 1, 1]
    """
    size, width = source.shape
    nodes = torch.arange(size, device=source.device)
    target = nodes[:, None].expand(size, width).reshape(-1)
    return Graph(source.reshape(-1), target, target, nodes)
