"""Ragged ranges: the one trick behind batching without a loop."""

from __future__ import annotations

import torch
from torch import Tensor


def ragged_ranges(starts: Tensor, counts: Tensor) -> Tensor:
    """The ranges ``starts[k] ... starts[k] + counts[k] - 1``, one after the other.

    Args:
        starts: (K,) int64.
        counts: (K,) int64, not negative.

    Returns:
        (sum(counts),) int64.

    >>> ragged_ranges(torch.tensor([10, 3]), torch.tensor([2, 3])).tolist()
    [10, 11, 3, 4, 5]
    """
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    shift = starts - (ends - counts)
    return torch.arange(total) + shift.repeat_interleave(counts, output_size=total)


def offsets_of(counts: Tensor) -> Tensor:
    """Where each run of ``counts`` begins, and where the last one ends: (K,) -> (K + 1,) int64."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
