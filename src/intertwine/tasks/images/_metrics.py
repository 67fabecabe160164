"""Metrics of predictions for images: classes, numbers, masks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.data import IGNORED, ImageBatch
from intertwine.tasks.clouds import (
    Table,
    accuracy,
    balanced_accuracy,
    class_table,
    confusion_matrix,
    mean_intersection,
    percent,
)
from intertwine.tasks.images._targets import NumberTarget


class Metrics(ABC):
    """Figures that are gathered batch by batch.

    Attributes:
        columns: The headings of the figures in tables.
        score: The key of the first figure, which the curve shows.
    """

    columns: tuple[str, ...]
    score: str

    @abstractmethod
    def add(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Count the predictions for some images."""

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
    """Accuracy, balanced accuracy and the confusion matrix of classes of images."""

    columns, score = ("accuracy", "balanced"), "accuracy"

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def add(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Count classes."""
        self.confusion += confusion_matrix(batch.image_fields["classes"], outputs.argmax(1), len(self.classes))

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
        rows = tuple(
            (one["name"], f"{one['count']:,}", *(_share(one[key]) for key in ("recall", "precision")))
            for one in figures["classes"]
        )
        return ((("class", "images", "recall", "precision"), rows),)


class MaskMetrics(Metrics):
    """Share of right pixels, mean intersection over union and the confusion matrix of pixels."""

    columns, score = ("mIoU", "pixels"), "mean_intersection"

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def add(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Count pixels that have a class."""
        truth = batch.pixel_fields["masks"].long()
        known = truth != IGNORED
        self.confusion += confusion_matrix(truth[known], outputs.argmax(1)[known], len(self.classes))

    def figures(self) -> dict[str, Any]:
        """The figures, the table of the classes and the confusion matrix."""
        return {
            "mean_intersection": mean_intersection(self.confusion),
            "pixels": accuracy(self.confusion),
            "classes": class_table(self.confusion, self.classes),
            "confusion": self.confusion.tolist(),
        }

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Percentages."""
        return percent(figures["mean_intersection"]), percent(figures["pixels"])

    def details(self, figures: dict[str, Any]) -> tuple[Table, ...]:
        """Intersection over union, recall and precision of each class."""
        rows = tuple(
            (one["name"], f"{one['count']:,}", *(_share(one[key]) for key in ("iou", "recall", "precision")))
            for one in figures["classes"]
        )
        return ((("class", "pixels", "IoU", "recall", "precision"), rows),)


class NumberMetrics(Metrics):
    """Mean absolute error, root mean square error and the share of the variance that is explained."""

    columns, score = ("MAE", "RMSE", "R2"), "mae"

    def __init__(self, target: NumberTarget) -> None:
        self.target = target
        self.pairs: list[Tensor] = []

    def add(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Keep predictions beside the truth."""
        self.pairs.append(torch.stack((self.target.values(outputs), batch.image_fields["values"]), 1))

    def figures(self) -> dict[str, Any]:
        """Errors in the unit of the labels."""
        predicted, truth = torch.cat(self.pairs).unbind(1)
        square, spread = (predicted - truth).square().mean(), truth.var(correction=0)
        explained = float(1 - square / spread) if float(spread) > 0 else None
        return {"mae": float((predicted - truth).abs().mean()), "rmse": float(square.sqrt()), "r2": explained}

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Four digits."""
        return tuple("-" if figures[key] is None else f"{figures[key]:.4g}" for key in ("mae", "rmse", "r2"))


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)
