"""The page about a segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine import _page as page
from intertwine.data import PointCloudBatch
from intertwine.tasks.clouds import class_rows, percent
from intertwine.tasks.clouds.report import GalleryItem, RunPage, confusion_tables, errors_first
from intertwine.tasks.segment._metrics import BY_PART
from intertwine.tasks.segment._predictor import SegmentPredictor


class SegmentPage(RunPage[SegmentPredictor]):
    """Intersections over unions, clouds with their parts, and the confusion matrix."""

    heading, curve = "Parts", "mIoU of shapes (%)"

    def order(self) -> Sequence[int]:
        """The shapes with the least intersections first."""
        metrics = self.predictor.metrics(self.clouds)
        errors = 1 - torch.stack([metrics.shapes(one) for one in self.predictions]).amin(0)
        return errors_first(errors, self.clouds.cloud_fields["classes"])

    def gallery_item(self, index: int, logits: Tensor, batch: PointCloudBatch) -> GalleryItem:
        """A cloud with the predicted part of each point in each orientation."""
        parts = self.predictor.probabilities(logits, batch).argmax(1).reshape(batch.num_clouds, -1)
        begin, end = self.clouds.offsets[index : index + 2].tolist()
        truth = self.clouds.point_fields["parts"][begin:end]
        shares, categories = (parts == truth).double().mean(1), self.config["categories"]
        return GalleryItem(
            self.clouds.names[index],
            self.positions(index),
            categories[int(self.clouds.cloud_fields["classes"][index])] if categories else "",
            [f"{percent(share)} right" for share in shares.tolist()],
            shares.tolist(),
            truth,
            parts,
        )

    def tables(self) -> list[str]:
        """The confusion matrices, a row for each part, and for each category."""
        metrics = self.predictor.metrics(self.clouds)
        given, rotated = (metrics.measure(one) for one in (self.predictions[0], self.predictions[-1]))
        parts = self.config["parts"]
        fragments = [
            page.heading("Confusion matrix"),
            page.paragraph("True parts by rows, predicted parts by columns, in points; shades are shares of the row."),
            confusion_tables(given["confusion"], rotated["confusion"], parts),
            page.heading("Parts"),
            page.table(*class_rows([given["parts"], rotated["parts"]], ["", "rotated"], *BY_PART)),
        ]
        if given["categories"]:
            categories = [
                (name, percent(value), percent(rotated["categories"][name]))
                for name, value in given["categories"].items()
            ]
            fragments += [page.heading("Categories"), page.table(("category", "mIoU of shapes", "rotated"), categories)]
        return fragments
