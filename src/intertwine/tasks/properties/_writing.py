"""Writer of predicted properties: CSV, or extended XYZ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import torch

from intertwine.data import write_atoms_csv, write_csv, write_extxyz
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.properties._targets import Target

_RESERVED = frozenset({"Properties", "Lattice", "pbc", "name", "stress", "virial"})
"""Keys that mean something else in extended XYZ."""


class PropertyWriter:
    """Writes structures with their predicted targets, some at a time.

    Args:
        file: An open text file (``newline=""``).
        suffix: ".csv" for a table, else extended XYZ.
        targets: What is predicted.
    """

    def __init__(self, file: IO[str], suffix: str, targets: Sequence[Target]) -> None:
        self._file, self._suffix, self._targets = file, suffix, targets
        self._header = True

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more structures."""
        per_atom = any(target.per_atom for target in self._targets)
        values = {target: torch.from_numpy(_rows(chunk, target)) for target in self._targets}
        if self._suffix != ".csv":
            named = {file_key(target.name): part for target, part in values.items()}
            write_extxyz(self._file, chunk.examples, {} if per_atom else named, named if per_atom else {})
            return
        columns = {
            title: column
            for target, part in values.items()
            for title, column in zip(target.columns, part.unbind(1), strict=True)
        }
        write = write_atoms_csv if per_atom else write_csv
        write(self._file, chunk.examples, columns, header=self._header)
        self._header = False


def _rows(chunk: PredictionChunk, target: Target) -> npt.NDArray[Any]:
    """A row for each structure, or for each atom of all structures."""
    return np.concatenate(chunk.ragged[target.name]) if target.per_atom else chunk.arrays[target.name]


def file_key(name: str) -> str:
    """The key of a target in extended XYZ.

    >>> file_key("dipole"), file_key("stress")
    ('dipole', 'predicted_stress')
    """
    return f"predicted_{name}" if name in _RESERVED else name
