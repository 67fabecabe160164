"""The page of a segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks.segment._job import SegmentJob
from intertwine.tasks.segment._predictor import SegmentPredictor
from intertwine.tasks.clouds._evaluation import percent
from intertwine.tasks.clouds.report._gallery import GalleryItem
from intertwine.tasks.clouds.report._page import Report, confusions, share_text, wrong_first
from intertwine.training import Outcome


class SegmentPage(Report):
    """Intersections over unions, clouds with their parts, and what is taken for what."""

    heading, curve = "Parts", "mIoU of shapes (%)"
    predictor: SegmentPredictor

    def order(self) -> Sequence[int]:
        """The shapes with the least intersections first."""
        measures = self.predictor.measures(self.shapes)
        errors = 1 - torch.stack([measures.shapes(one) for one in self.judged]).amin(0)
        return wrong_first(errors, self.shapes.classes)

    def shown(self, index: int, logits: Tensor, batch: Tensor) -> GalleryItem:
        """A cloud with the part that each point is taken for in each orientation."""
        copies = int(batch.max()) + 1
        category = self.shapes.classes[index].expand(copies)
        parts = self.predictor.probabilities(logits, batch, category).argmax(1).reshape(copies, -1)
        assert self.shapes.parts is not None, "a segmentation is judged by clouds with parts"
        truth = self.shapes.parts[self.shapes.offsets[index] : self.shapes.offsets[index + 1]]
        shares, categories = (parts == truth).double().mean(1), self.config["categories"]
        return GalleryItem(
            self.shapes.names[index],
            self.positions(index),
            categories[int(self.shapes.classes[index])] if categories else "",
            [f"{percent(share)} right" for share in shares.tolist()],
            shares.tolist(),
            truth,
            parts,
        )

    def tables(self) -> list[str]:
        """What is taken for what, each part, and each category."""
        measures = self.predictor.measures(self.shapes)
        given, turned = (measures.measure(one) for one in (self.judged[0], self.judged[-1]))
        parts = self.config["parts"]
        rows = [
            (
                one["name"],
                f"{one['count']:,}",
                *(share_text(each[key]) for key in ("iou", "recall") for each in (one, two)),
            )
            for one, two in zip(given["parts"], turned["parts"], strict=True)
        ]
        fragments = [
            page.heading("What is taken for what"),
            page.paragraph(
                "True parts by rows, what the network says by columns, in points; shades are shares of the row."
            ),
            confusions(given["confusion"], turned["confusion"], parts),
            page.heading("Parts"),
            page.table(("part", "points", "IoU", "when turned", "recognized", "when turned"), rows),
        ]
        if given["categories"]:
            kinds = [
                (name, percent(value), percent(turned["categories"][name]))
                for name, value in given["categories"].items()
            ]
            fragments += [page.heading("Kinds"), page.table(("kind", "mIoU of shapes", "when turned"), kinds)]
        return fragments


def write_report(job: SegmentJob, outcome: Outcome, path: Path) -> Path:
    """Write the page of a run.

    Args:
        job: The job, with the best weights.
        outcome: How the fit ended.
        path: Where to.

    Returns:
        The path.
    """
    predictor = SegmentPredictor(job.model, job.config, Split.from_json(job.split))
    return SegmentPage(job, outcome.history, predictor).write(path)
