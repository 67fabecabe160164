"""Structures in memory: positions and atomic numbers as tensors or arrays, or atoms of ase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import PointCloudSet, molecules
from intertwine.tasks._memory import as_array, as_examples, refuse_fields


def structures_in_memory(
    data: Any, chunk: int, *, numbers: Any = None, cell: Any = None, pbc: Any = None, **fields: Any
) -> Iterator[PointCloudSet]:
    """Structures, some at a time.

    Args:
        data: Positions ``(N, 3)`` in angstrom, or atoms of ase; or a list of them.
        chunk: How many at a time.
        numbers: ``(N,)`` atomic numbers that go with positions, or a list.
        cell: ``(3, 3)`` lattice vectors as rows that go with positions, or a list.
        pbc: ``(3,)`` booleans, which of them are periodic, or a list; all by default.
        fields: None that is known.

    Raises:
        UsageError: A structure is not what was expected.
    """
    refuse_fields(fields, "numbers", "cell", "pbc")
    pairs = as_examples(data, numbers=numbers, cell=cell, pbc=pbc)
    for begin in range(0, len(pairs), chunk):
        parts = [_structure(*pair) for pair in pairs[begin : begin + chunk]]
        offsets = torch.tensor([0, *(len(elements) for elements, *_ in parts)]).cumsum(0)
        names = [str(number) for number in range(begin + 1, begin + len(parts) + 1)]
        try:
            elements, positions = (torch.cat([part[index] for part in parts]) for index in (0, 1))
            rows, flags = (torch.stack([part[index] for part in parts]) for index in (2, 3))
            cells = rows if bool(flags.any()) else None
            yield molecules(elements, positions, offsets, names=names, cell=cells, pbc=None if cells is None else flags)
        except ValueError as error:
            raise UsageError(str(error)) from error


def _structure(example: Any, numbers: Any, cell: Any, pbc: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Atomic numbers (N,) int64, positions (N, 3) and cell (9,) float64, pbc (3,) bool."""
    if hasattr(example, "get_atomic_numbers"):
        cell, pbc = example.cell[:], example.pbc
        example, numbers = example.get_positions(), example.get_atomic_numbers()
    if numbers is None:
        raise UsageError("positions need atomic numbers: predict(positions, numbers=numbers)")
    positions, elements = as_array(example, "positions"), as_array(numbers, "numbers")
    if positions.shape != (len(elements), 3) or elements.ndim != 1:
        raise UsageError(f"expected positions (N, 3) and numbers (N,), got {positions.shape} and {elements.shape}")
    lattice = as_array(np.zeros((3, 3)) if cell is None else cell, "cell")
    flags = as_array(np.full(3, cell is not None) if pbc is None else pbc, "pbc") != 0
    if lattice.shape != (3, 3) or flags.shape != (3,):
        raise UsageError(f"expected a cell (3, 3) and pbc (3,), got {lattice.shape} and {flags.shape}")
    rows = lattice[flags]
    if not np.isfinite(lattice).all() or np.linalg.matrix_rank(rows) < len(rows):
        raise UsageError("the lattice vectors of periodic directions must be finite and independent")
    return (
        torch.from_numpy(elements).to(torch.int64),
        torch.from_numpy(positions),
        torch.from_numpy(lattice.reshape(9)),
        torch.from_numpy(flags),
    )
