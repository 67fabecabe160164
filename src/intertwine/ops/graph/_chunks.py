"""A graph cut into chunks of nodes with (nearly) equal numbers of edges, each small enough to stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_PADDING = 1.05  # a chunk may hold this many times its edges before it is cut
_OVERHEAD = 128  # and this many more, which cost less than another chunk


@dataclass(frozen=True)
class Chunk:
    """Some nodes in order of rank, and their edges as a table of ``count`` rows and ``width`` columns.

    Attributes:
        nodes: Which nodes, by rank.
        edges: Which edges.
        count: Number of nodes.
        width: Largest number of edges of a node.
        index: ``(count * width,)`` edge of each place in the table; ``None`` if every node has ``width``.
        valid: ``(count * width,)`` which places are edges; the others repeat one.
    """

    nodes: slice
    edges: slice
    count: int
    width: int
    index: Tensor | None
    valid: Tensor | None

    def table(self, values: Tensor) -> Tensor:
        """Rows of ``values (E, ...)`` for all places of the table."""
        return values[self.edges] if self.index is None else values.index_select(0, self.index)

    def masked(self, values: Tensor) -> Tensor:
        """The same, zero where there is no edge."""
        table = self.table(values)
        return table if self.valid is None else table * self.valid[:, None]

    def place(self, result: Tensor) -> Tensor:
        """Room for a table that :meth:`write` then puts into the rows of its edges: those rows themselves if it can."""
        return result[self.edges] if self.index is None else result.new_empty(len(self.index), *result.shape[1:])

    def write(self, result: Tensor, table: Tensor) -> None:
        """Write a table into the rows ``result (E, ...)`` of its edges."""
        rows = result[self.edges]
        if rows.data_ptr() != table.data_ptr():
            rows.copy_(table if self.valid is None else table.index_select(0, self.valid.nonzero().flatten()))


def chunks(rank: Tensor, size: int, most: int, room: int = 1 << 62) -> Iterator[Chunk]:
    """Cut a graph into chunks; nodes without edges are in none.

    Args:
        rank: ``(E,)`` node of each edge, ascending; nodes in ascending order of their numbers of edges.
        size: Number of nodes.
        most: Largest number of nodes in a chunk.
        room: Largest number of places in a chunk of several nodes.

    Yields:
        The chunks in order.
    """
    counts = torch.bincount(rank, minlength=size)
    widths, repeats = (numbers.tolist() for numbers in torch.unique_consecutive(counts, return_counts=True))
    if list(widths) != sorted(widths):
        raise ValueError("nodes must be ranked by their number of edges, as intertwine.ops.arrange does")
    ends = torch.cumsum(counts, 0)
    node = edge = 0
    for nodes, edges, width in _cuts(widths, repeats, most, room):
        if width > 0:
            where = slice(node, node + nodes), slice(edge, edge + edges)
            index = valid = None
            if nodes * width != edges:
                places = torch.arange(width, device=rank.device)
                last = ends[where[0], None]
                table = places + (last - counts[where[0], None])
                index, valid = table.clamp(max=edge + edges - 1).flatten(), (table < last).flatten()
            yield Chunk(*where, nodes, width, index, valid)
        node, edge = node + nodes, edge + edges


def _cuts(widths: list[int], repeats: list[int], most: int, room: int) -> Iterator[tuple[int, int, int]]:
    """Numbers of nodes and edges and the width of each chunk, from the runs of equal counts."""
    nodes = edges = widest = 0
    for width, repeat in zip(widths, repeats, strict=True):
        limit = min(most, max(room // width, 1)) if width else most
        taken = min(repeat, limit - nodes)
        padded, real = (nodes + taken) * width, edges + taken * width
        if nodes and (widest == 0 or taken <= 0 or padded > _PADDING * real + _OVERHEAD):
            yield nodes, edges, widest
            nodes = edges = 0
        while repeat:
            taken = min(repeat, limit - nodes)
            nodes, edges, widest, repeat = nodes + taken, edges + taken * width, width, repeat - taken
            if nodes == limit:
                yield nodes, edges, widest
                nodes = edges = 0
    if nodes:
        yield nodes, edges, widest
