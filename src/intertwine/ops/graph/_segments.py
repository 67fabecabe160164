"""Segment sum, mean and maximum: reductions of the rows that share an index."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor


def segment_sum(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Sum the rows of ``values`` that share an index.

    Args:
        values: ``(E, ...)``.
        index: ``(E,)`` integers in ``[0, num_segments)``.
        num_segments: Number of rows of the result.

    Returns:
        ``(num_segments, ...)``; zero for empty segments.

    Example:
        >>> segment_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2, 0]), 3).tolist()
        [4.0, 0.0, 2.0]
    """
    is_scalar = prod(values.shape[1:]) == 1
    # One row too many: torch.compile with several threads cannot add into a result of a single number.
    rows = num_segments + 1 if is_scalar else num_segments
    sums = values.new_zeros((rows, *values.shape[1:])).index_add(0, index, values)
    return sums[:num_segments] if is_scalar else sums


def segment_max(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Largest of the rows of ``values`` that share an index, component by component.

    Args:
        values: ``(E, ...)``.
        index: ``(E,)`` integers in ``[0, num_segments)``.
        num_segments: Number of rows of the result.

    Returns:
        ``(num_segments, ...)``; zero for empty segments. The gradient is shared among equal largest rows.

    Example:
        >>> segment_max(torch.tensor([-1.0, 2.0, -3.0]), torch.tensor([0, 2, 0]), 3).tolist()
        [-1.0, 0.0, 2.0]
    """
    shape = (-1, *[1] * (values.ndim - 1))
    empty = values.new_zeros((num_segments, *values.shape[1:]))
    return empty.scatter_reduce(0, index.view(shape).expand_as(values), values, "amax", include_self=False)


def segment_mean(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Mean of the rows of ``values`` that share an index.

    Args:
        values: ``(E, C)``.
        index: ``(E,)`` integers in ``[0, num_segments)``.
        num_segments: Number of rows of the result.

    Returns:
        ``(num_segments, C)``; zero for empty segments.

    Example:
        >>> segment_mean(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 2, 0]), 3).tolist()
        [[2.0], [0.0], [2.0]]
    """
    counts = segment_sum(torch.ones_like(values[:, :1]), index, num_segments)
    return segment_sum(values, index, num_segments) / counts.clamp_min(1)
