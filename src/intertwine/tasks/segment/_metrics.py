"""Metrics of a segmentation."""

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
    mean_intersection,
    percent,
    shape_intersections,
)

BY_PART = (("part", "points"), {"iou": "IoU", "recall": "recall", "precision": "precision"})
"""The headings of a table of parts, and the shares in it."""


class PartMetrics(Metrics):
    """Accuracy by point, and mean intersections over unions: of shapes, and of categories or parts.

    The mean over shapes is that of ShapeNetPart. The other mean is over the categories, each the mean of its shapes,
    where there are several; else over the parts, each counted over all points.

    Args:
        truth: (N,) the true parts.
        batch: (N,) the cloud of each point.
        category: (S,) the category of each cloud.
        allowed: (S, parts) as `shape_intersections` takes it.
        parts: Their names.
        categories: Their names.
    """

    columns = ("accuracy", "mIoU of shapes", "mIoU of kinds")

    def __init__(
        self,
        truth: Tensor,
        batch: Tensor,
        category: Tensor,
        allowed: Tensor | None,
        parts: Sequence[str],
        categories: Sequence[str],
    ) -> None:
        self.truth, self.batch, self.category, self.allowed = truth, batch, category, allowed
        self.parts, self.categories = parts, categories

    def shapes(self, predictions: Predictions) -> Tensor:
        """(S,) the mean intersection over union of the parts of each shape."""
        size, parts = len(self.category), len(self.parts)
        return shape_intersections(self.truth, predictions.predicted, self.batch, size, parts, self.allowed)

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """The figures under one kind of rotation."""
        confusion = confusion_matrix(self.truth, predictions.predicted, len(self.parts))
        by_shape = self.shapes(predictions)
        if len(self.categories) > 1:
            means = {
                name: float(by_shape[self.category == k].mean())
                for k, name in enumerate(self.categories)
                if bool((self.category == k).any())
            }
            kinds = sum(means.values()) / max(1, len(means))
        else:
            means, kinds = {}, mean_intersection(confusion)
        return {
            "accuracy": accuracy(confusion),
            "balanced_accuracy": balanced_accuracy(confusion),
            "shape_miou": float(by_shape.mean()),
            "kind_miou": kinds,
            "categories": means,
            "parts": class_table(confusion, self.parts),
            "confusion": confusion.tolist(),
        }

    def details(self, figures: Mapping[str, dict[str, Any]]) -> tuple[Table, ...]:
        """Recall, precision and intersection over union of each part under the first and the last protocol."""
        names = list(dict.fromkeys((next(iter(figures)), list(figures)[-1])))
        return (class_rows([figures[name]["parts"] for name in names], names, *BY_PART),)

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Accuracy and the two means."""
        return tuple(percent(figures[name]) for name in ("accuracy", "shape_miou", "kind_miou"))
