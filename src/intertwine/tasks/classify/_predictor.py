"""A trained classifier: from files to a table of classes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from intertwine.data import ShapeSet
from intertwine.tasks._task import Progress
from intertwine.tasks.classify._job import ClassifyJob
from intertwine.tasks.classify._metrics import ClassMetrics
from intertwine.tasks.clouds._predictor import CloudPredictor

_RANKS = ("", "second", "third")


class ClassifyPredictor(CloudPredictor):
    """A `Classifier` in use."""

    job = ClassifyJob
    suffixes: tuple[str, ...] = (".csv",)

    @property
    def kinds(self) -> Sequence[str]:
        """The classes that were learned."""
        classes: list[str] = self.config["classes"]
        return classes

    def measures(self, shapes: ShapeSet) -> ClassMetrics:
        """The true classes of these clouds."""
        return ClassMetrics(shapes.classes, self.config["classes"])

    def probabilities(self, logits: Tensor, batch: Tensor, category: Tensor | None) -> Tensor:
        """Of each class."""
        return logits.softmax(1)

    def predict(
        self, data: str, output: Path, suffix: str, *, batch_size: int, progress: Progress, strict: bool = False
    ) -> int:
        """Write a table with a row for each file: the class, its probability, and the next two; returns how many."""
        classes = self.config["classes"]
        ranks = _RANKS[: len(classes)]
        with output.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            titles = [(rank or "class", f"{rank}_probability".strip("_")) for rank in ranks]
            writer.writerow(["file", *(title for pair in titles for title in pair)])
            done = 0
            for shapes, *_ in self.stream(data, batch_size, strict=strict):
                held = self.held(shapes)
                cloud = held.clouds.batch(range(len(shapes)))
                values, places = self.probabilities(self.logits(cloud, None), cloud.batch, None).topk(len(ranks))
                for name, row in zip(shapes.names, zip(values.tolist(), places.tolist(), strict=True), strict=True):
                    pairs = zip(*row, strict=True)
                    writer.writerow([name, *(cell for value, k in pairs for cell in (classes[k], f"{value:.4f}"))])
                done += len(shapes)
                progress(done, None)
        return done
