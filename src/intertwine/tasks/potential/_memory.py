"""Structures in memory: positions and atomic numbers as tensors or arrays, or Atoms of ase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from intertwine._errors import UsageError
from intertwine.data import CheckedAtoms, check_atoms
from intertwine.tasks._memory import as_array, as_examples, refuse_fields
from intertwine.tasks.potential._writing import Structures
from intertwine.tasks.potential.frames import unlabeled


def structures_in_memory(
    data: Any, chunk: int, *, numbers: Any = None, cell: Any = None, **fields: Any
) -> Iterator[Structures]:
    """Structures, some at a time.

    Args:
        data: Positions ``(N, 3)`` in angstrom, or Atoms of ase; or a list of them.
        chunk: How many at a time.
        numbers: ``(N,)`` atomic numbers that go with positions, or a list.
        cell: ``(3, 3)`` lattice vectors, rows of zeros where a direction is not periodic; or a list.
        fields: None that is known.

    Raises:
        UsageError: A structure is not what was expected.
    """
    refuse_fields(fields, "numbers", "cell")
    examples = as_examples(data, numbers=numbers, cell=cell)
    for begin in range(0, len(examples), chunk):
        block = []
        for number, example in enumerate(examples[begin : begin + chunk], begin + 1):
            atoms = _atoms(*example)
            check_atoms(atoms, f"structure {number}")
            block.append(CheckedAtoms(atoms, "structure", number, f"structure {number}"))
        yield Structures(unlabeled(block), [one.atoms for one in block])


def _atoms(example: Any, numbers: Any, cell: Any) -> Any:
    from ase import Atoms

    if hasattr(example, "get_atomic_numbers"):
        return example
    if numbers is None:
        raise UsageError("positions need atomic numbers: predict(positions, numbers=numbers)")
    positions, elements = as_array(example, "positions"), as_array(numbers, "numbers")
    if positions.shape != (len(elements), 3) or elements.ndim != 1:
        raise UsageError(f"expected positions (N, 3) and numbers (N,), got {positions.shape} and {elements.shape}")
    lattice = np.zeros((3, 3)) if cell is None else as_array(cell, "cell")
    if lattice.shape != (3, 3):
        raise UsageError(f"expected a cell (3, 3), its rows the lattice vectors, got {lattice.shape}")
    return Atoms(elements.astype(np.int64), positions, cell=lattice, pbc=lattice.any(axis=1))
