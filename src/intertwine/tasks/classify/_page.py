"""The page of a classification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks.classify._job import ClassifyJob
from intertwine.tasks.classify._predictor import ClassifyPredictor
from intertwine.tasks.clouds.report._gallery import GalleryItem
from intertwine.tasks.clouds.report._page import Report, confusions, share_text, wrong_first
from intertwine.training import Outcome


class ClassifyPage(Report):
    """Accuracies, clouds with their classes, and what is taken for what."""

    heading, curve = "Classes", "accuracy (%)"

    def order(self) -> Sequence[int]:
        """Errors first, those that are sure of themselves before the others."""
        errors = torch.stack([(one.predicted != self.shapes.classes) * one.confidence for one in self.judged]).amax(0)
        return wrong_first(errors, self.shapes.classes)

    def shown(self, index: int, logits: Tensor, batch: Tensor) -> GalleryItem:
        """A cloud with what it is taken for in each orientation."""
        sure, places = logits.softmax(1).max(1)
        classes, truth = self.config["classes"], int(self.shapes.classes[index])
        return GalleryItem(
            self.shapes.names[index],
            self.positions(index),
            f"is {classes[truth]}",
            [f"{classes[k]} {100 * p:.0f} %" for k, p in zip(places.tolist(), sure.tolist(), strict=True)],
            (places == truth).double().tolist(),
        )

    def tables(self) -> list[str]:
        """What is taken for what, and each class."""
        measures = self.predictor.measures(self.shapes)
        given, turned = (measures.measure(one) for one in (self.judged[0], self.judged[-1]))
        classes = self.config["classes"]
        return [
            page.heading("What is taken for what"),
            page.paragraph("True classes by rows, what the network says by columns; shades are shares of the row."),
            confusions(given["confusion"], turned["confusion"], classes),
            page.heading("Classes"),
            page.table(*class_rows(given, turned)),
        ]


def class_rows(given: dict[str, Any], turned: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A row for each class: how many clouds, how many of them are recognized, how many of those named are right."""
    columns = ("class", "clouds", "recognized", "when turned", "right if named", "when turned")
    rows: list[tuple[str, ...]] = [
        (
            one["name"],
            f"{one['count']:,}",
            share_text(one["recall"]),
            share_text(two["recall"]),
            share_text(one["precision"]),
            share_text(two["precision"]),
        )
        for one, two in zip(given["classes"], turned["classes"], strict=True)
    ]
    return columns, rows


def write_report(job: ClassifyJob, outcome: Outcome, path: Path) -> Path:
    """Write the page of a run.

    Args:
        job: The job, with the best weights.
        outcome: How the fit ended.
        path: Where to.

    Returns:
        The path.
    """
    predictor = ClassifyPredictor(job.model, job.config, Split.from_json(job.split))
    return ClassifyPage(job, outcome.history, predictor).write(path)
