"""Chunks of target nodes with (nearly) equal numbers of edges, each small enough to stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

_PADDING = 1.05  # a chunk's table may have this many times as many entries as edges before a new chunk is started
_OVERHEAD = 128  # and this many more, which cost less than another chunk


@dataclass(frozen=True)
class Chunk:
    """Some target nodes, consecutive in rank, and their edges as a padded table of one row for each node.

    Attributes:
        nodes: Ranks of the nodes.
        edges: Positions of their edges in the graph.
        num_nodes: Number of rows n.
        width: Number of columns k: the largest number of edges of a node.
        index: ``(n * k,)`` the edge at each entry of the table; ``None`` if every node has k edges.
        mask: ``(n * k,)`` true where an entry is an edge; padding entries repeat some other edge.
    """

    nodes: slice
    edges: slice
    num_nodes: int
    width: int
    index: Tensor | None
    mask: Tensor | None

    def gather(self, values: Tensor) -> Tensor:
        """``(n * k, ...)``: rows of ``values (E, ...)`` for all entries of the table."""
        return values[self.edges] if self.index is None else values.index_select(0, self.index)

    def gather_masked(self, values: Tensor) -> Tensor:
        """The same for ``values (E, C)``, with zeros in padding entries."""
        table = self.gather(values)
        return table if self.mask is None else table * self.mask[:, None]

    def new_table(self, result: Tensor) -> Tensor:
        """Uninitialized table ``(n * k, ...)`` to be scattered into ``result (E, ...)``: a view of it if possible."""
        return result[self.edges] if self.index is None else result.new_empty(len(self.index), *result.shape[1:])

    def scatter(self, result: Tensor, table: Tensor) -> None:
        """Write a table ``(n * k, ...)`` into the rows of its edges in ``result (E, ...)``."""
        rows = result[self.edges]
        if rows.data_ptr() != table.data_ptr():
            rows.copy_(table if self.mask is None else table.index_select(0, self.mask.nonzero().flatten()))


def chunks(rank: Tensor, num_nodes: int, max_nodes: int, max_entries: int = 1 << 62) -> Iterator[Chunk]:
    """Split the nodes of a graph into chunks; nodes without edges are in none.

    Where many nodes have equally many edges, their chunks have equal sizes, and there are as many of them as each of
    torch's threads can have the same number of.

    Args:
        rank: ``(E,)`` rank of the target of each edge, ascending; nodes are ranked by their number of edges.
        num_nodes: Number of nodes.
        max_nodes: Largest number of nodes in a chunk.
        max_entries: Largest number of table entries in a chunk of more than one node.

    Yields:
        The chunks, by ascending rank.

    Raises:
        ValueError: If the nodes are not ranked by their number of edges.
    """
    degrees = torch.bincount(rank, minlength=num_nodes)
    widths, repeats = (numbers.tolist() for numbers in torch.unique_consecutive(degrees, return_counts=True))
    if list(widths) != sorted(widths):
        raise ValueError("nodes must be ranked by their number of edges, as intertwine.ops.Graph.from_edges does")
    ends = torch.cumsum(degrees, 0)
    threads = torch.get_num_threads() if rank.device.type == "cpu" else 1
    node = edge = 0
    for n, num_edges, width in _split(widths, repeats, max_nodes, max_entries, threads):
        if width > 0:
            nodes, edges = slice(node, node + n), slice(edge, edge + num_edges)
            index = mask = None
            if n * width != num_edges:
                end = ends[nodes, None]
                table = torch.arange(width, device=rank.device) + (end - degrees[nodes, None])
                index, mask = table.clamp(max=edge + num_edges - 1).flatten(), (table < end).flatten()
            yield Chunk(nodes, edges, n, width, index, mask)
        node, edge = node + n, edge + num_edges


def _split(
    widths: list[int], repeats: list[int], max_nodes: int, max_entries: int, threads: int
) -> Iterator[tuple[int, int, int]]:
    """Number of nodes, number of edges and width of each chunk, from the runs of nodes with equally many edges."""
    nodes = edges = widest = 0
    for width, repeat in zip(widths, repeats, strict=True):
        limit = min(max_nodes, max(max_entries // width, 1)) if width else max_nodes
        count = _count(nodes + repeat, limit, threads)
        taken = min(repeat, ceil((nodes + repeat) / count) - nodes)
        padded, real = (nodes + taken) * width, edges + taken * width
        if nodes and (widest == 0 or taken <= 0 or padded > _PADDING * real + _OVERHEAD):
            yield nodes, edges, widest
            nodes = edges = 0
            count = _count(repeat, limit, threads)
        while repeat:
            taken = min(repeat, ceil((nodes + repeat) / count) - nodes)
            nodes, edges, widest, repeat = nodes + taken, edges + taken * width, width, repeat - taken
            if count > 1 or nodes == limit:
                yield nodes, edges, widest
                nodes = edges = 0
            count -= 1
    if nodes:
        yield nodes, edges, widest


def _count(nodes: int, limit: int, threads: int) -> int:
    """The number of chunks of nodes that have equally many edges: one, or equally many for each thread."""
    return 1 if nodes <= limit else threads * ceil(nodes / (limit * threads))
