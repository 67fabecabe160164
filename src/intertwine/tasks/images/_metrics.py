"""Metrics of masks that are predicted for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.data import IGNORED
from intertwine.tasks._example_metrics import Metrics, table_of_classes
from intertwine.tasks.clouds import Table, accuracy, class_table, confusion_matrix, mean_intersection, percent


class MaskMetrics(Metrics):
    """Share of right pixels, mean intersection over union and the confusion matrix of pixels."""

    columns, score = ("mIoU", "pixels"), "mean_intersection"

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Count pixels that have a class."""
        truth = labels.long()
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
        titles = {"iou": "IoU", "recall": "recall", "precision": "precision"}
        return (table_of_classes(figures, "pixels", titles),)
