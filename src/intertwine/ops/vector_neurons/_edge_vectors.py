"""Vectors on the edges of a graph, computed for one chunk of target nodes at a time.

Components are the outermost axis, channels the innermost, and edges of the same position in the rows of a chunk stand
together: operations on a chunk run over long contiguous rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, chunks

_CACHE_NUMBERS = {"cpu": 48 << 10}  # numbers of one component of a chunk for each thread, by type of device: measured
_DEFAULT_NUMBERS = 16 << 20


class EdgeVectors(NamedTuple):
    """Vectors on edges, as a sum of vectors of the target, vectors of the source and mixed vectors of the edge.

        z_e = target_i(e) + source_j(e) + sum_m mixing_m edge_attr_em

    Attributes:
        target: ``(n, N, C)`` n components, N target nodes, C channels.
        source: ``(n, M, C)`` M source nodes; or ``None``.
        mixing: ``(m, C)`` weights of the m vectors of each edge; or ``None``.
    """

    target: Tensor
    source: Tensor | None = None
    mixing: Tensor | None = None


class EdgeChunk(NamedTuple):
    """A chunk of r target nodes with K edges each, as a padded table.

    Attributes:
        chunk: Its nodes and edges.
        source_rows: ``(n * K * r,)`` rows of the source vectors ``(n * M, C)``, or ``None`` without source vectors.
        edge_attr: ``(n * K * r, m)`` or ``None``.
        mask: ``(K, r, 1)`` one for edges and zero for padding; ``None`` without padding.
        degrees: ``(r, 1)`` number of edges of each node.
    """

    chunk: Chunk
    source_rows: Tensor | None
    edge_attr: Tensor | None
    mask: Tensor | None
    degrees: Tensor

    @property
    def num_edges(self) -> int:
        """Number of edges, without padding."""
        edges = self.chunk.edges
        num_edges: int = edges.stop - edges.start
        return num_edges

    def vectors(self, vectors: EdgeVectors) -> Tensor:
        """``(n, K, r, C)``; not to be written to, for it may be a view."""
        target = vectors.target[:, None, self.chunk.nodes]
        shape = (target.shape[0], self.chunk.width, self.chunk.num_nodes, target.shape[3])
        if vectors.source is not None and self.source_rows is not None:
            result = vectors.source.view(-1, shape[3]).index_select(0, self.source_rows)
            if vectors.mixing is not None and self.edge_attr is not None:
                result.addmm_(self.edge_attr, vectors.mixing)
        elif vectors.mixing is not None and self.edge_attr is not None:
            result = self.edge_attr @ vectors.mixing
        else:
            return target.expand(shape)
        return result.view(shape).add_(target)


class EdgeVectorInputs:
    """A graph and vectors on its edges: the inputs of the kernels.

    Args:
        vectors: One or more vectors on each edge, the target parts in the order of the nodes.
        edge_attr: ``(n, E, m)`` vectors of the edges, or ``None``.
        source: ``(E,)`` of the graph.
        rank: ``(E,)`` of the graph.
        rank_of_node: ``(N,)`` of the graph.
    """

    def __init__(
        self,
        vectors: list[EdgeVectors],
        edge_attr: Tensor | None,
        source: Tensor,
        rank: Tensor,
        rank_of_node: Tensor,
    ) -> None:
        self.edge_attr, self.source, self.rank, self.rank_of_node = edge_attr, source, rank, rank_of_node
        in_order = torch.equal(rank_of_node, torch.arange(rank_of_node.shape[0], device=rank_of_node.device))
        self._node_of_rank = None if in_order else torch.argsort(rank_of_node)
        self.vectors = [
            EdgeVectors(self.by_rank(target), None if from_source is None else from_source.contiguous(), mixing)
            for target, from_source, mixing in vectors
        ]

    def by_rank(self, nodes: Tensor) -> Tensor:
        """``(n, N, C)`` from the order of the nodes to the order of the ranks."""
        return nodes if self._node_of_rank is None else nodes.index_select(1, self._node_of_rank)

    def by_node(self, ranks: Tensor) -> Tensor:
        """``(n, N, C)`` from the order of the ranks to the order of the nodes."""
        return ranks if self._node_of_rank is None else ranks.index_select(1, self.rank_of_node)

    def chunks(self) -> list[Chunk]:
        """The chunks of the graph; nodes without edges are in none."""
        target = self.vectors[0].target
        num_nodes, num_edges = self.rank_of_node.shape[0], self.rank.shape[0]
        capacity = _CACHE_NUMBERS.get(target.device.type, _DEFAULT_NUMBERS)
        max_nodes = max(capacity * num_nodes // max(target.shape[2] * num_edges, 1), 1)
        return list(chunks(self.rank, num_nodes, max_nodes))

    def tables(self, chunk: Chunk) -> EdgeChunk:
        """The tables of a chunk."""
        target, from_source, mixing = self.vectors[0]
        shape = chunk.num_nodes, chunk.width
        source_rows = edge_attr = mask = None
        if from_source is not None:
            source = chunk.gather(self.source).view(shape).T.reshape(1, -1)
            offsets = torch.arange(target.shape[0], device=target.device)[:, None] * from_source.shape[1]
            source_rows = (offsets + source).view(-1)
        if mixing is not None and self.edge_attr is not None:
            tables = torch.stack([chunk.gather(component).view(*shape, -1) for component in self.edge_attr])
            edge_attr = tables.transpose(1, 2).reshape(-1, mixing.shape[0])
        if chunk.mask is None:
            degrees = target.new_tensor(float(chunk.width)).expand(chunk.num_nodes, 1)
        else:
            degrees = chunk.mask.view(shape).sum(1, keepdim=True).to(target.dtype)
            mask = chunk.mask.view(shape).T[:, :, None].to(target.dtype)
        return EdgeChunk(chunk, source_rows, edge_attr, mask, degrees)
