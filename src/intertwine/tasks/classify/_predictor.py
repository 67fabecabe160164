"""The predictor of a classification: files to a table of classes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
import torch
from torch import Tensor

from intertwine.data import CloudChunk, PointCloudBatch, PointCloudSet
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.classify._job import ClassifyJob
from intertwine.tasks.classify._metrics import ClassMetrics
from intertwine.tasks.classify._model import Classifier
from intertwine.tasks.clouds import CloudPredictor

_RANKS = ("", "second", "third")


class ClassifyPredictor(CloudPredictor[Classifier]):
    """A `Classifier` in use. It predicts the arrays "class" (S,) and "probabilities" (S, classes)."""

    job_type = ClassifyJob
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    @property
    def categories(self) -> Sequence[str]:
        """The classes that were learned."""
        classes: list[str] = self.config["classes"]
        return classes

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The classes of the probabilities."""
        return {"probabilities": tuple(self.config["classes"])}

    def metrics(self, clouds: PointCloudSet) -> ClassMetrics:
        """Metrics with the true classes of these clouds."""
        return ClassMetrics(clouds.cloud_fields["classes"], self.config["classes"])

    def probabilities(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        """Of each class."""
        return logits.softmax(1)

    def predict_chunk(self, chunk: CloudChunk, name: str, batch_size: int) -> PredictionChunk:
        """The classes of some clouds."""
        clouds = self.dataset(chunk.clouds).batch(range(len(chunk.clouds)))
        probabilities = self.probabilities(self.logits(clouds), clouds)
        classes = np.array(self.config["classes"])[probabilities.argmax(1).numpy()]
        return PredictionChunk(
            chunk.clouds.names, {"class": classes, "probabilities": probabilities.numpy()}, {}, chunk
        )

    @contextmanager
    def open_writer(self, path: Path, suffix: str) -> Iterator[ClassWriter]:
        """A table."""
        with path.open("w", encoding="utf-8", newline="") as file:
            yield ClassWriter(file, self.config["classes"])


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
