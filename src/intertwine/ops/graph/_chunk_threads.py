"""Chunks shared out to threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor

from intertwine.ops._threads import map_on_threads
from intertwine.ops.graph._chunks import Chunk

Result = TypeVar("Result")
Sums = tuple[list[Tensor], ...]

_LEAST_EDGES = 256
"""Edges for each thread, below which threads cost more than they gain."""


def map_chunks(work: Callable[[list[Chunk]], Result], chunks: Sequence[Chunk], device: torch.device) -> list[Result]:
    """Work through chunks, some on each of torch's threads.

    Which thread gets which chunks depends on nothing but the number of threads, so results are reproducible.

    Args:
        work: Takes some of the chunks and works through them. Calls run at once, each in one thread and without
            gradients. They may write to disjoint parts of one tensor, but must not add to the same.
        chunks: All of them.
        device: Where their tensors are; only those of the CPU are shared out.

    Returns:
        What the calls returned.
    """
    count = min(torch.get_num_threads(), len(chunks), sum(map(_num_edges, chunks)) // _LEAST_EDGES)
    return map_on_threads(work, _shares(chunks, count) if count > 1 and device.type == "cpu" else [list(chunks)])


def share_chunks(work: Callable[[list[Chunk]], Sums], chunks: Sequence[Chunk], device: torch.device) -> Sums:
    """:func:`map_chunks` of work that returns sums over its chunks in lists, an empty one for what is not needed.

    Returns:
        The sums over all chunks.
    """
    totals, *others = map_chunks(work, chunks, device)
    for sums in others:
        for total, part in zip(chain(*totals), chain(*sums), strict=True):
            total += part
    return totals


def _shares(chunks: Sequence[Chunk], count: int) -> list[list[Chunk]]:
    """The chunks in so many parts: the largest first, each to the part that has the fewest edges so far."""
    parts: list[list[Chunk]] = [[] for _ in range(count)]
    edges = [0] * count
    for chunk in sorted(chunks, key=_num_edges, reverse=True):
        least = edges.index(min(edges))
        parts[least].append(chunk)
        edges[least] += _num_edges(chunk)
    return parts


def _num_edges(chunk: Chunk) -> int:
    edges: int = chunk.edges.stop - chunk.edges.start
    return edges
