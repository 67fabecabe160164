"""How predicted classes are held against the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from intertwine.tasks.clouds._evaluation import Metrics, Predictions, percent
from intertwine.tasks.clouds._confusion import accuracy, balanced_accuracy, class_table, confusion_matrix


class ClassMetrics(Metrics):
    """Accuracy, the mean of the classes' own accuracies, and what is taken for what.

    Args:
        labels: (S,) the true classes.
        classes: Their names.
    """

    columns = ("accuracy", "balanced")

    def __init__(self, labels: Tensor, classes: Sequence[str]) -> None:
        self.labels, self.classes = labels, classes

    def measure(self, judged: Predictions) -> dict[str, Any]:
        """The figures of one kind of rotation."""
        confusion = confusion_matrix(self.labels, judged.predicted, len(self.classes))
        return {
            "accuracy": accuracy(confusion),
            "balanced_accuracy": balanced_accuracy(confusion),
            "classes": class_table(confusion, self.classes),
            "confusion": confusion.tolist(),
        }

    def cells(self, found: dict[str, Any]) -> tuple[str, ...]:
        """Accuracy and balanced accuracy."""
        return percent(found["accuracy"]), percent(found["balanced_accuracy"])
