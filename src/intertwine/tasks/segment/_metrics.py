"""How predicted parts are held against the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.tasks.clouds._evaluation import Metrics, Predictions, percent
from intertwine.tasks.clouds._confusion import (
    accuracy,
    balanced_accuracy,
    class_table,
    confusion_matrix,
    mean_intersection,
    shape_intersections,
)


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

    def shapes(self, judged: Predictions) -> Tensor:
        """(S,) the mean intersection over union of the parts of each shape."""
        size, parts = len(self.category), len(self.parts)
        return shape_intersections(self.truth, judged.predicted, self.batch, size, parts, self.allowed)

    def measure(self, judged: Predictions) -> dict[str, Any]:
        """The figures of one kind of rotation."""
        confusion = confusion_matrix(self.truth, judged.predicted, len(self.parts))
        by_shape = self.shapes(judged)
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

    def cells(self, found: dict[str, Any]) -> tuple[str, ...]:
        """Accuracy and the two means."""
        return tuple(percent(found[name]) for name in ("accuracy", "shape_miou", "kind_miou"))


def batch_of(offsets: Tensor) -> Tensor:
    """(N,) the cloud of each point."""
    counts = offsets.diff()
    return torch.arange(len(counts)).repeat_interleave(counts)
