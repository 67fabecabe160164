"""Ragged ranges: rows of many clouds gathered without a loop."""

from __future__ import annotations

from collections.abc import Sequence

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


def offsets_from_counts(counts: Tensor) -> Tensor:
    """Where each run of ``counts`` begins, and where the last one ends: (K,) -> (K + 1,) int64.

    >>> offsets_from_counts(torch.tensor([2, 3])).tolist()
    [0, 2, 5]
    """
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def batch_from_counts(counts: Tensor) -> Tensor:
    """The number of its run for each row: (K,) -> (sum(counts),) int64, increasing.

    >>> batch_from_counts(torch.tensor([2, 3])).tolist()
    [0, 0, 1, 1, 1]
    """
    return torch.arange(len(counts)).repeat_interleave(counts)


def as_indices(indices: Tensor | Sequence[int], size: int) -> Tensor:
    """Integers or a mask as int64 indices in ``0 ... size - 1``.

    Args:
        indices: (K,) integers, of which negative ones count from the end; or (size,) booleans, a mask.
        size: how many clouds there are.

    Raises:
        IndexError: an index is out of range, or a mask has another length.
    """
    index = indices if isinstance(indices, Tensor) else torch.tensor(list(indices))
    if index.dtype == torch.bool:
        if index.shape != (size,):
            raise IndexError(f"a mask over {size} clouds must have {size} entries; got {tuple(index.shape)}")
        return index.nonzero().flatten()
    index = index.to(torch.int64).flatten()
    if len(index) and not (-size <= int(index.min()) and int(index.max()) < size):
        raise IndexError(f"index out of range: {int(index.min())} ... {int(index.max())} for {size} clouds")
    return torch.where(index < 0, index + size, index)
