"""The page about a classification."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine import _page as page
from intertwine.data import PointCloudBatch
from intertwine.tasks.classify._predictor import ClassifyPredictor
from intertwine.tasks.clouds import class_rows
from intertwine.tasks.clouds.report import GalleryItem, RunPage, confusion_tables, errors_first


class ClassifyPage(RunPage[ClassifyPredictor]):
    """Accuracies, clouds with their classes, and the confusion matrix."""

    heading, curve = "Classes", "accuracy (%)"

    def order(self) -> Sequence[int]:
        """Errors first, those with high confidence before the others."""
        truth = self.clouds.cloud_fields["classes"]
        errors = torch.stack([(one.predicted != truth) * one.confidence for one in self.predictions]).amax(0)
        return errors_first(errors, truth)

    def gallery_item(self, index: int, logits: Tensor, batch: PointCloudBatch) -> GalleryItem:
        """A cloud with the predicted class in each orientation."""
        probabilities, predicted = logits.softmax(1).max(1)
        classes, truth = self.config["classes"], int(self.clouds.cloud_fields["classes"][index])
        return GalleryItem(
            self.clouds.names[index],
            self.positions(index),
            f"is {classes[truth]}",
            [f"{classes[k]} {100 * p:.0f} %" for k, p in zip(predicted.tolist(), probabilities.tolist(), strict=True)],
            (predicted == truth).double().tolist(),
        )

    def tables(self) -> list[str]:
        """The confusion matrices, and a row for each class."""
        metrics = self.predictor.metrics(self.clouds)
        given, rotated = (metrics.measure(one) for one in (self.predictions[0], self.predictions[-1]))
        classes = self.config["classes"]
        return [
            page.heading("Confusion matrix"),
            page.paragraph("True classes by rows, predicted classes by columns; shades are shares of the row."),
            confusion_tables(given["confusion"], rotated["confusion"], classes),
            page.heading("Classes"),
            page.table(*class_rows([given["classes"], rotated["classes"]], ["", "rotated"])),
        ]
