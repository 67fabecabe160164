"""Structures in memory: positions and atomic numbers as tensors or arrays, or atoms of ase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import PointCloudSet, molecules
from intertwine.tasks._memory import as_array, as_examples, refuse_fields


def structures_in_memory(data: Any, chunk: int, *, numbers: Any = None, **fields: Any) -> Iterator[PointCloudSet]:
    """Structures, some at a time.

    Args:
        data: Positions ``(N, 3)`` in angstrom, or atoms of ase; or a list of them.
        chunk: How many at a time.
        numbers: ``(N,)`` atomic numbers that go with positions, or a list.
        fields: None that is known.

    Raises:
        UsageError: A structure is not what was expected.
    """
    refuse_fields(fields, "numbers")
    pairs = as_examples(data, numbers=numbers)
    for begin in range(0, len(pairs), chunk):
        parts = [_structure(*pair) for pair in pairs[begin : begin + chunk]]
        offsets = torch.tensor([0, *(len(elements) for elements, _ in parts)]).cumsum(0)
        names = [str(number) for number in range(begin + 1, begin + len(parts) + 1)]
        try:
            elements, positions = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
            yield molecules(elements, positions, offsets, names=names)
        except ValueError as error:
            raise UsageError(str(error)) from error


def _structure(example: Any, numbers: Any) -> tuple[Tensor, Tensor]:
    """Atomic numbers (N,) int64 and positions (N, 3) float64."""
    if hasattr(example, "get_atomic_numbers"):
        example, numbers = example.get_positions(), example.get_atomic_numbers()
    if numbers is None:
        raise UsageError("positions need atomic numbers: predict(positions, numbers=numbers)")
    positions, elements = as_array(example, "positions"), as_array(numbers, "numbers")
    if positions.shape != (len(elements), 3) or elements.ndim != 1:
        raise UsageError(f"expected positions (N, 3) and numbers (N,), got {positions.shape} and {elements.shape}")
    return torch.from_numpy(elements).to(torch.int64), torch.from_numpy(positions)
