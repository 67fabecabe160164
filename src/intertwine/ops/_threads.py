"""Parts of the work of a kernel on threads of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def map_on_threads(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """The results of ``work`` on each part; all parts at once, each on one thread, the first on that of the caller.

    What a part computes stays in the cache of one core; torch's own threads, which share out every single operation,
    send parts of each intermediate result from core to core.

    Args:
        work: Called without gradients in the other threads, where operations of torch run on one thread.
        parts: No more of them than torch has threads.

    Returns:
        The results in the order of the parts.
    """
    if len(parts) < 2:
        return [work(part) for part in parts]
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def apart(part: Part) -> Result:
        with torch.inference_mode(inference), torch.no_grad():
            return work(part)

    torch.set_num_threads(1)
    try:
        futures = [_pool(os.getpid(), len(parts) - 1).submit(apart, part) for part in parts[1:]]
        try:
            first = work(parts[0])
        finally:
            others = [future.result() for future in futures]
    finally:
        torch.set_num_threads(threads)
    return [first, *others]


def share(items: Sequence[Part]) -> list[Sequence[Part]]:
    """Items in one part for each of torch's threads, which take turns."""
    count = max(1, min(torch.get_num_threads(), len(items)))
    return [items[first::count] for first in range(count)]


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
