"""Predictions as a table of text or as an archive of arrays, whichever the suffix of the file says."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from intertwine.tasks._results import PredictionChunk, PredictionWriter


class Archive(PredictionWriter, Protocol):
    """Gathers predictions and writes them at the end."""

    def save(self, path: Path) -> None:
        """Write the file."""


class ArrayArchive:
    """Gathers the arrays of all examples and writes them as NPZ; "names" are the examples."""

    def __init__(self) -> None:
        self._chunks: list[PredictionChunk] = []

    def write(self, chunk: PredictionChunk) -> None:
        """Take the predictions for some more examples."""
        self._chunks.append(chunk)

    def save(self, path: Path) -> None:
        """Write the file."""
        arrays: dict[str, Any] = {
            key: np.concatenate([chunk.arrays[key] for chunk in self._chunks]) for key in self._chunks[0].arrays
        }
        arrays["names"] = np.array([example for chunk in self._chunks for example in chunk.examples])
        with path.open("wb") as file:
            np.savez(file, **arrays)


@contextmanager
def open_table_or_archive(
    path: Path, suffix: str, table: Callable[[Any], PredictionWriter], archive: Callable[[], Archive]
) -> Iterator[PredictionWriter]:
    """A writer of a new file.

    Args:
        path: The file.
        suffix: ``.npz`` for an archive, else a table of comma-separated values.
        table: Makes a writer of rows from a writer of the module csv.
        archive: Makes a writer that gathers arrays.
    """
    if suffix == ".npz":
        arrays = archive()
        yield arrays
        arrays.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield table(csv.writer(file, lineterminator="\n"))
