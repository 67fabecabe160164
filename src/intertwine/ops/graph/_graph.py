"""Graph in edge-list form: edges sorted by target, targets ranked by their number of edges."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._segments import segment_sum


class Graph(NamedTuple):
    """Directed graph whose edges are in an order that makes every sum over neighbors a few batched matrix products.

    The rank of a node is its position when all nodes are sorted by their number of incoming edges. The edges are sorted
    by the rank of their target, so nodes with equally many edges are consecutive and their edges form a dense table.

    Attributes:
        source: ``(E,)`` source node of each edge.
        target: ``(E,)`` target node of each edge.
        rank: ``(E,)`` rank of the target of each edge, ascending.
        rank_of_node: ``(N,)`` rank of each node, a permutation.
    """

    source: Tensor
    target: Tensor
    rank: Tensor
    rank_of_node: Tensor

    @classmethod
    def from_edges(cls, edges: Tensor, num_nodes: int) -> Graph:
        """The graph of an edge list. The nodes keep their numbers.

        Args:
            edges: ``(2, E)``, source row over target row, in any order.
            num_nodes: Number of target nodes N.

        Returns:
            The graph, its edges sorted.

        Example:
            >>> graph = Graph.from_edges(torch.tensor([[1, 2, 0], [0, 0, 1]]), 3)
            >>> graph.target.tolist(), graph.rank.tolist(), graph.rank_of_node.tolist()
            ([1, 0, 0], [1, 2, 2], [2, 1, 0])
        """
        return cls.sort_edges(edges, num_nodes)[0]

    @classmethod
    def sort_edges(cls, edges: Tensor, num_nodes: int) -> tuple[Graph, Tensor]:
        """The graph of an edge list, and the place ``(E,)`` that each of its edges had in the list.

        Args:
            edges: As for :meth:`from_edges`.
            num_nodes: Likewise.

        Example:
            >>> Graph.sort_edges(torch.tensor([[1, 2, 0], [0, 0, 1]]), 3)[1].tolist()
            [2, 0, 1]
        """
        source, target = edges
        degrees = segment_sum(torch.ones_like(target), target, num_nodes)
        rank_of_node = torch.argsort(torch.argsort(degrees, stable=True))
        rank = rank_of_node.index_select(0, target)
        order = torch.argsort(rank, stable=True)
        return cls(source[order], target[order], rank[order], rank_of_node), order

    @classmethod
    def from_neighbor_table(cls, table: Tensor) -> Graph:
        """The graph in which every node has the same number of neighbors.

        Args:
            table: ``(N, k)`` integers: the source nodes of the k edges into each node.

        Returns:
            The graph on N nodes, its edges in the order of the table.

        Example:
            >>> Graph.from_neighbor_table(torch.tensor([[1, 2], [2, 2]])).target.tolist()
            [0, 0, 1, 1]
        """
        num_nodes, k = table.shape
        nodes = torch.arange(num_nodes, device=table.device)
        target = nodes[:, None].expand(num_nodes, k).reshape(-1)
        return cls(table.reshape(-1), target, target, nodes)

    def by_source(self, num_sources: int) -> Graph:
        """The same edges grouped by their source: for sums over outgoing edges.

        Args:
            num_sources: Number of nodes that edges may come from.

        Returns:
            A graph whose targets are the sources of this one, and whose ``source`` is the position of each edge in this
            graph.

        Example:
            >>> graph = Graph.from_edges(torch.tensor([[1, 2, 1], [0, 0, 1]]), 3)
            >>> graph.by_source(3).source.tolist(), graph.by_source(3).target.tolist()
            ([2, 0, 1], [2, 1, 1])
        """
        edge_numbers = torch.arange(self.source.shape[0], device=self.source.device)
        return Graph.from_edges(torch.stack([edge_numbers, self.source]), num_sources)

    @property
    def num_nodes(self) -> int:
        """Number of target nodes."""
        return self.rank_of_node.shape[0]

    @property
    def indices(self) -> tuple[Tensor, Tensor, Tensor]:
        """``source``, ``rank`` and ``rank_of_node``: the index tensors that the operators take."""
        return self.source, self.rank, self.rank_of_node

    def vectors(self, positions: Tensor, targets: Tensor | None = None) -> Tensor:
        """Edge vectors: position of the source minus position of the target.

        Args:
            positions: ``(M, d)`` positions of the sources.
            targets: ``(N, d)`` positions of the targets; those of the sources if not given.

        Returns:
            ``(E, d)``.
        """
        targets = positions if targets is None else targets
        return positions.index_select(0, self.source) - targets.index_select(0, self.target)
