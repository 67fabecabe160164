"""Chunks shared out to threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk

Sums = tuple[list[Tensor], ...]

_LEAST_EDGES = 256
"""Edges for each thread, below which threads cost more than they gain."""


def share_chunks(work: Callable[[list[Chunk]], Sums], chunks: Sequence[Chunk], device: torch.device) -> Sums:
    """Work through chunks, some on each of torch's threads, and add up what the threads summed.

    A chunk that stays with one thread stays in the cache of one core; torch's own threads, which share out every single
    operation, send parts of each intermediate result from core to core. Which thread gets which chunks depends on
    nothing but the number of threads, so results are reproducible.

    Args:
        work: Takes some of the chunks, works through them, and returns sums over them in lists, an empty one for what
            is not needed. Calls run at once, each in one thread and without gradients. They may write to disjoint parts
            of one tensor, but must not add to the same.
        chunks: All of them.
        device: Where their tensors are; only those of the CPU are shared out.

    Returns:
        The sums over all chunks.
    """
    threads, edges = torch.get_num_threads(), sum(map(_num_edges, chunks))
    count = min(threads, len(chunks), edges // _LEAST_EDGES)
    if count < 2 or device.type != "cpu":
        return work(list(chunks))
    parts = _shares(chunks, count)
    inference = torch.is_inference_mode_enabled()

    def apart(part: list[Chunk]) -> Sums:
        with torch.inference_mode(inference), torch.no_grad():
            return work(part)

    torch.set_num_threads(1)
    try:
        futures = [_pool(os.getpid(), count - 1).submit(apart, part) for part in parts[1:]]
        try:
            totals = work(parts[0])
        finally:
            others = [future.result() for future in futures]
    finally:
        torch.set_num_threads(threads)
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
    return chunk.edges.stop - chunk.edges.start


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of a process; a forked process has none of those of its parent."""
    return ThreadPoolExecutor(threads, thread_name_prefix="intertwine", initializer=_start_own_team)


def _start_own_team() -> None:
    """Give this thread a team of two OpenMP threads, so that those of other teams sleep when they are idle.

    GNU's OpenMP lets the idle threads of a process spin for milliseconds after each operation of torch, as long as it
    has no more threads than processors; they would hold the processor that this thread is to work on. This team is used
    once, and is one more than there are processors for.
    """
    torch.set_num_threads(2)
    torch.zeros(1 << 17).add_(1)
    torch.set_num_threads(1)
