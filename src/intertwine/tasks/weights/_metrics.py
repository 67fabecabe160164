"""Metrics of predictions for networks: classes and numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.tasks.clouds import Table, accuracy, balanced_accuracy, class_table, confusion_matrix, percent
from intertwine.tasks.weights._job import number_of

_MOST_PAIRS = 4000
"""The rank correlation is of at most so many networks: its cost grows with their square."""


class Metrics(ABC):
    """Figures that are gathered batch by batch.

    Attributes:
        columns: The headings of the figures in tables.
    """

    columns: tuple[str, ...]

    @abstractmethod
    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Count the predictions for some networks."""

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
    """

    columns = ("accuracy", "balanced")

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
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
        """Percentages with two decimals."""
        return tuple(f"{100 * figures[key]:.2f} %" for key in ("accuracy", "balanced_accuracy"))

    def details(self, figures: dict[str, Any]) -> tuple[Table, ...]:
        """Recall and precision of each class."""
        rows = tuple(
            (one["name"], f"{one['count']:,}", *(_share(one[key]) for key in ("recall", "precision")))
            for one in figures["classes"]
        )
        return ((("class", "networks", "recall", "precision"), rows),)


class NumberMetrics(Metrics):
    """Mean absolute error, the share of the variance that is explained, and Kendall's rank correlation tau.

    Args:
        target: What the run predicts.
    """

    columns = ("MAE", "RMSE", "R2", "Kendall's tau")

    def __init__(self, target: dict[str, Any]) -> None:
        self.target = target
        self.pairs: list[Tensor] = []

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Keep predictions beside the truth."""
        self.pairs.append(torch.stack((number_of(outputs, self.target), labels), 1))

    def figures(self) -> dict[str, Any]:
        """Errors in the unit of the labels."""
        predicted, truth = torch.cat(self.pairs).unbind(1)
        square, spread = (predicted - truth).square().mean(), truth.var(correction=0)
        return {
            "mae": float((predicted - truth).abs().mean()),
            "rmse": float(square.sqrt()),
            "r2": float(1 - square / spread) if float(spread) > 0 else None,
            "tau": kendall_tau(predicted[:_MOST_PAIRS], truth[:_MOST_PAIRS]),
        }

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Four digits."""
        return tuple("-" if figures[key] is None else f"{figures[key]:.4g}" for key in ("mae", "rmse", "r2", "tau"))


def kendall_tau(a: Tensor, b: Tensor) -> float | None:
    """Kendall's tau-b of two lists of numbers: the share of pairs in the same order less that in the other order.

    Returns:
        From -1 to 1; None where one of them is constant.

    >>> kendall_tau(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, 2.0]))
    0.3333333333333333
    """
    signs = [(x[:, None] - x).sign().to(torch.float64) for x in (a, b)]
    both, first, second = (float((x * y).sum()) for x, y in ((*signs,), (signs[0],) * 2, (signs[1],) * 2))
    return both / (first * second) ** 0.5 if first and second else None


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)
