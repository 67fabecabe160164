"""Metrics of a classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from intertwine.tasks.clouds import (
    Metrics,
    Predictions,
    accuracy,
    balanced_accuracy,
    class_table,
    confusion_matrix,
    percent,
)


class ClassMetrics(Metrics):
    """Accuracy, balanced accuracy, and the confusion matrix.

    Args:
        labels: (S,) the true classes.
        classes: Their names.
    """

    columns = ("accuracy", "balanced")

    def __init__(self, labels: Tensor, classes: Sequence[str]) -> None:
        self.labels, self.classes = labels, classes

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """The figures under one kind of rotation."""
        confusion = confusion_matrix(self.labels, predictions.predicted, len(self.classes))
        return {
            "accuracy": accuracy(confusion),
            "balanced_accuracy": balanced_accuracy(confusion),
            "classes": class_table(confusion, self.classes),
            "confusion": confusion.tolist(),
        }

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Accuracy and balanced accuracy."""
        return percent(figures["accuracy"]), percent(figures["balanced_accuracy"])
