"""Two vectors on every edge of a graph that are never all there at once: made chunk by chunk of nodes, in cache.

Components are the outermost axis, channels the innermost, and the edges of a node stand above each other: what is done
to a chunk runs over long contiguous rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk, chunks

_CACHE = {"cpu": 48 << 10}  # numbers that one component of a chunk may have on each thread: measured
_ELSEWHERE = 16 << 20


class EdgeVectors(NamedTuple):
    """Vectors on edges, as a sum of what depends on the target, on the source and on the edge.

        z_e = own_target + near_source + sum_m mixing_m edges_em

    Attributes:
        own: ``(n, N, C)``.
        near: ``(n, M, C)`` or ``None``.
        mixing: ``(m, C)`` or ``None``.
    """

    own: Tensor
    near: Tensor | None = None
    mixing: Tensor | None = None


class Piece(NamedTuple):
    """A chunk of nodes: r of them, with K places for edges each.

    Attributes:
        chunk: Where it is.
        rows: ``(n * K * r,)`` rows of the sources in ``near`` as a matrix, or ``None`` without ``near``.
        edges: ``(n * K * r, m)`` or ``None``.
        valid: ``(K, r, 1)`` one where there is an edge and zero where there is none; ``None`` if there is everywhere.
        counts: ``(r, 1)`` number of edges of each node.
    """

    chunk: Chunk
    rows: Tensor | None
    edges: Tensor | None
    valid: Tensor | None
    counts: Tensor

    @property
    def size(self) -> int:
        """The number of edges."""
        edges = self.chunk.edges
        size: int = edges.stop - edges.start
        return size

    def vectors(self, side: EdgeVectors) -> Tensor:
        """``(n, K, r, C)``; not to be written to, for it may be a view."""
        own = side.own[:, None, self.chunk.nodes]
        shape = (own.shape[0], self.chunk.width, self.chunk.count, own.shape[3])
        if side.near is not None and self.rows is not None:
            result = side.near.view(-1, shape[3]).index_select(0, self.rows)
            if side.mixing is not None and self.edges is not None:
                result.addmm_(self.edges, side.mixing)
        elif side.mixing is not None and self.edges is not None:
            result = self.edges @ side.mixing
        else:
            return own.expand(shape)
        return result.view(shape).add_(own)


class EdgeGradients(NamedTuple):
    """Gradients of the parts of vectors on edges, added up piece by piece."""

    own: Tensor
    near: Tensor | None
    mixing: Tensor | None

    @classmethod
    def of(cls, side: EdgeVectors) -> EdgeGradients:
        """Zeros."""
        return cls(*(None if part is None else torch.zeros_like(part) for part in side))  # type: ignore[arg-type]

    def add(self, piece: Piece, slopes: Tensor) -> None:
        """Add the gradients ``(n, K, r, C)`` of the vectors of a piece; its nodes are in no other."""
        flat = slopes.reshape(-1, slopes.shape[3])
        self.own[:, piece.chunk.nodes] = slopes.sum(1)
        if self.near is not None and piece.rows is not None:
            self.near.view(-1, flat.shape[1]).index_add_(0, piece.rows, flat)
        if self.mixing is not None and piece.edges is not None:
            self.mixing.addmm_(piece.edges.T, flat)


class EdgeCall:
    """A graph, and vectors on its edges, for one call of an operator.

    Args:
        sides: The vectors; those of the nodes in the caller's order.
        edges: ``(n, E, m)`` or ``None``.
        source: As in :class:`intertwine.ops.Graph`.
        rank: Likewise.
        places: Likewise.
    """

    def __init__(
        self, sides: list[EdgeVectors], edges: Tensor | None, source: Tensor, rank: Tensor, places: Tensor
    ) -> None:
        self.edges, self.source, self.rank, self.places = edges, source, rank, places
        in_order = torch.equal(places, torch.arange(places.shape[0], device=places.device))
        self._order = None if in_order else torch.argsort(places)
        self.sides = [
            EdgeVectors(self.ranked(own), None if near is None else near.contiguous(), mixing)
            for own, near, mixing in sides
        ]

    def ranked(self, nodes: Tensor) -> Tensor:
        """``(n, N, C)`` from the caller's order to that of the ranks."""
        return nodes if self._order is None else nodes.index_select(1, self._order)

    def unranked(self, nodes: Tensor) -> Tensor:
        """And back."""
        return nodes if self._order is None else nodes.index_select(1, self.places)

    def pieces(self) -> Iterator[Piece]:
        """The graph, piece by piece; nodes without edges are in none."""
        own, near, mixing = self.sides[0]
        size, total = self.places.shape[0], self.rank.shape[0]
        room = _CACHE.get(own.device.type, _ELSEWHERE) * torch.get_num_threads()
        most = max(room * size // max(own.shape[2] * total, 1), 1)
        counts = torch.bincount(self.rank, minlength=size).to(own.dtype)[:, None]
        planes = torch.arange(own.shape[0], device=own.device)[:, None] * (0 if near is None else near.shape[1])
        for chunk in chunks(self.rank, size, most):
            shape = chunk.count, chunk.width
            rows = edges = valid = None
            if near is not None:
                rows = (planes + chunk.table(self.source).view(shape).T.reshape(1, -1)).view(-1)
            if mixing is not None and self.edges is not None:
                taken = torch.stack([chunk.table(part).view(*shape, -1) for part in self.edges])
                edges = taken.transpose(1, 2).reshape(-1, mixing.shape[0])
            if chunk.valid is not None:
                valid = chunk.valid.view(shape).T[:, :, None].to(own.dtype)
            yield Piece(chunk, rows, edges, valid, counts[chunk.nodes])
