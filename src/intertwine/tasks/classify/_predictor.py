"""The predictor of a classification: files to a table of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from intertwine.data import CloudChunk, PointCloudBatch, PointCloudSet
from intertwine.tasks._results import PredictionChunk, PredictionWriter
from intertwine.tasks._table_predictions import class_predictions, open_class_writer
from intertwine.tasks.classify._job import ClassifyJob
from intertwine.tasks.classify._metrics import ClassMetrics
from intertwine.tasks.classify._model import Classifier
from intertwine.tasks.clouds import CloudPredictor


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
        return class_predictions(chunk.clouds.names, probabilities, self.config["classes"], chunk)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table."""
        return open_class_writer(path, self.config["classes"])
