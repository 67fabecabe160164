"""Predictions of classes and of numbers: their arrays, and tables with a row for each example."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from intertwine.tasks._results import PredictionChunk

_RANKS = ("", "second", "third")


def class_predictions(
    names: Sequence[str], probabilities: Tensor, classes: Sequence[str], examples: Any = None
) -> PredictionChunk:
    """The arrays "class" ``(N,)`` and "probabilities" ``(N, classes)`` of some examples.

    Args:
        names: Of the examples.
        probabilities: ``(N, classes)``.
        classes: Their names.
        examples: What was predicted for, if writers need it.
    """
    best = np.array(classes)[probabilities.argmax(1).numpy()]
    return PredictionChunk(names, {"class": best, "probabilities": probabilities.numpy()}, {}, examples)


@contextmanager
def open_class_writer(path: Path, classes: Sequence[str]) -> Iterator[ClassWriter]:
    """A `ClassWriter` of a new file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        yield ClassWriter(file, classes)


class ClassWriter:
    """Writes a table with a row for each file: the class, its probability, and the next two.

    Args:
        file: An open text file (``newline=""``).
        classes: Their names.
    """

    def __init__(self, file: IO[str], classes: Sequence[str]) -> None:
        self._rows, self._classes = csv.writer(file, lineterminator="\n"), classes
        self._ranks = _RANKS[: len(classes)]
        titles = [(rank or "class", f"{rank}_probability".strip("_")) for rank in self._ranks]
        self._rows.writerow(["file", *(title for pair in titles for title in pair)])

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more rows."""
        values, indices = torch.from_numpy(chunk.arrays["probabilities"]).topk(len(self._ranks))
        for name, *row in zip(chunk.names, values.tolist(), indices.tolist(), strict=True):
            pairs = zip(*row, strict=True)
            self._rows.writerow([name, *(cell for value, k in pairs for cell in (self._classes[k], f"{value:.4f}"))])


def number_predictions(names: Sequence[str], values: Tensor) -> PredictionChunk:
    """The array "value" ``(N,)`` of some examples."""
    return PredictionChunk(names, {"value": values.numpy()}, {}, None)


@contextmanager
def open_number_writer(path: Path) -> Iterator[NumberWriter]:
    """A `NumberWriter` of a new file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        yield NumberWriter(file)


class NumberWriter:
    """Writes a table with a row for each file: its number.

    Args:
        file: An open text file (``newline=""``).
    """

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(["file", "value"])

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more rows."""
        self._rows.writerows(
            (name, f"{value:.7g}") for name, value in zip(chunk.names, chunk.arrays["value"], strict=True)
        )
