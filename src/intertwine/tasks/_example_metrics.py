"""Metrics of predictions, gathered batch by batch: classes and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.tasks.clouds import Table, accuracy, balanced_accuracy, class_table, confusion_matrix, percent


class Metrics(ABC):
    """Figures that are gathered batch by batch.

    Attributes:
        columns: The headings of the figures in tables.
        score: The key of the first figure.
    """

    columns: tuple[str, ...]
    score: str

    @abstractmethod
    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Count the predictions for some examples."""

    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """The figures as JSON."""

    @abstractmethod
    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """One text for each of `columns`."""

    def details(self, figures: dict[str, Any]) -> tuple[Table, ...]:
        """Further tables."""
        return ()


class ClassMetrics(Metrics):
    """Accuracy, balanced accuracy and the confusion matrix.

    Args:
        classes: Their names.
        counted: What is counted, in the plural, for the table of the classes.
    """

    columns, score = ("accuracy", "balanced"), "accuracy"

    def __init__(self, classes: Sequence[str], counted: str) -> None:
        self.classes, self.counted = classes, counted
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Count classes."""
        self.confusion += confusion_matrix(labels, outputs.argmax(1), len(self.classes))

    def figures(self) -> dict[str, Any]:
        """Accuracies, the table of the classes and the confusion matrix."""
        return {
            "accuracy": accuracy(self.confusion),
            "balanced_accuracy": balanced_accuracy(self.confusion),
            "classes": class_table(self.confusion, self.classes),
            "confusion": self.confusion.tolist(),
        }

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Percentages with two decimals: good classifiers of digits differ there."""
        return tuple(f"{100 * figures[key]:.2f} %" for key in ("accuracy", "balanced_accuracy"))

    def details(self, figures: dict[str, Any]) -> tuple[Table, ...]:
        """Recall and precision of each class."""
        return (table_of_classes(figures, self.counted, {"recall": "recall", "precision": "precision"}),)


class NumberMetrics(Metrics):
    """Mean absolute error, root mean square error and the share of the variance that is explained.

    Args:
        values: From the outputs of a network to numbers ``(B,)`` in the unit of the labels.
    """

    columns: tuple[str, ...] = ("MAE", "RMSE", "R2")
    score = "mae"

    def __init__(self, values: Callable[[Tensor], Tensor]) -> None:
        self.values = values
        self.pairs: list[Tensor] = []

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Keep predictions beside the truth."""
        self.pairs.append(torch.stack((self.values(outputs), labels), 1))

    def figures(self) -> dict[str, Any]:
        """Errors in the unit of the labels."""
        predicted, truth = torch.cat(self.pairs).unbind(1)
        square, spread = (predicted - truth).square().mean(), truth.var(correction=0)
        explained = float(1 - square / spread) if float(spread) > 0 else None
        return {"mae": float((predicted - truth).abs().mean()), "rmse": float(square.sqrt()), "r2": explained}

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Four digits."""
        return tuple("-" if figures[key] is None else f"{figures[key]:.4g}" for key in ("mae", "rmse", "r2"))


def table_of_classes(figures: dict[str, Any], counted: str, titles: dict[str, str]) -> Table:
    """The table of the classes of `class_table` in percent; a dash where nothing was there to count.

    Args:
        figures: With the table of the classes.
        counted: The heading of the counts.
        titles: The heading of each further column, by its key.
    """
    rows = tuple(
        (one["name"], f"{one['count']:,}", *("-" if one[key] is None else percent(one[key]) for key in titles))
        for one in figures["classes"]
    )
    return ("class", counted, *titles.values()), rows
