"""Kernels that work through points a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from intertwine.ops._threads import map_on_threads, share

CHUNK = 8192
"""Points worked on at a time, which stay in cache."""


def map_points(work: Callable[[Sequence[slice]], None], number: int, device: torch.device) -> None:
    """Work through points in chunks, some on each of torch's threads.

    Args:
        work: Takes some of the chunks. Calls run at once, each in one thread; they write to disjoint parts of a tensor.
        number: Of points.
        device: Where they are; only those of the CPU are shared out.
    """
    chunks = [slice(start, min(start + CHUNK, number)) for start in range(0, number, CHUNK)]
    map_on_threads(work, share(chunks) if device.type == "cpu" else [chunks])
