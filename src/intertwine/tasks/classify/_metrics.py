"""Metrics of a classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from intertwine.tasks.clouds import (
    Metrics,
    Predictions,
    Table,
    accuracy,
    balanced_accuracy,
    class_rows,
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

    def details(self, figures: Mapping[str, dict[str, Any]]) -> tuple[Table, ...]:
        """Recall and precision of each class under the first and the last protocol."""
        names = list(dict.fromkeys((next(iter(figures)), list(figures)[-1])))
        return (class_rows([figures[name]["classes"] for name in names], names),)
