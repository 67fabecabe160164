"""The page about a run on images: figures, images that one can turn, the curve against the angle, learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import IGNORED, Split, rotate_images
from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks.clouds.report import CONFUSION_STYLE, confusion_table, errors_first, part_color
from intertwine.tasks.images._describe import network_text, target_text
from intertwine.tasks.images._evaluation import (
    CURVE_IMAGES,
    STEP,
    Point,
    as_evaluation,
    drift_advice,
    training_drift_text,
)
from intertwine.tasks.images._job import ImageJob
from intertwine.tasks.images._predictor import ImagePredictor
from intertwine.tasks.images._targets import NumberTarget, rotate_masks
from intertwine.tasks.images.report._features import feature_table
from intertwine.tasks.images.report._turntable import STEP as TURN
from intertwine.tasks.images.report._turntable import TurnedItem, turntable
from intertwine.tasks.runs import write_run_page

_GALLERY_SIZE = 9
_LOOKED_AT = 2000
"""The gallery is chosen from so many images."""
_MASK_TURN = 15
_BATCH_SIZE = 128
_HEADINGS = {"classes": "Classes", "numbers": "Numbers", "masks": "Masks"}
_LABELS = {"accuracy": "accuracy (%)", "mean_intersection": "mIoU (%)", "mae": "mean absolute error"}
_SCORES = {"accuracy": "accuracy (%)", "pixels": "right pixels (%)", "mae": "mean absolute error"}


class ImagePage:
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        predictor: Its model in use.
    """

    def __init__(self, job: ImageJob, history: Sequence[dict[str, float]], predictor: ImagePredictor) -> None:
        self.job, self.history, self.predictor, self.config = job, history, predictor, job.config
        self.images, self.kind = job.held_out, job.config["target"]["kind"]
        turned = predictor.turned(self.images)
        self.fill = turned.fill
        self.given, self.points = turned.given(_BATCH_SIZE), turned.curve(_BATCH_SIZE)

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        metrics = self.predictor.metrics()
        found = as_evaluation(self.given, self.points, metrics, "", len(self.images), drift_advice(self.config))
        body = [
            *map(page.paragraph, self.lead(found.notes[-1])),
            page.table(found.columns, found.rows),
            page.heading("Images"),
            page.paragraph(
                "The slider turns the images, or drag one. Beneath is the prediction for the image turned so "
                f"(bilinear; every {_MASK_TURN if self.kind == 'masks' else TURN} degrees). Errors come first."
            ),
            self.gallery(),
            *self.features(),
            f"<style>\n{CONFUSION_STYLE}</style>",
            *self.curves(),
            *self.tables(metrics),
        ]
        given = self.config["data"]["given"]
        return write_run_page(path, f"{_HEADINGS[self.kind]} of {Path(given).name or given}", body)

    def lead(self, measured: str) -> list[str]:
        """Data, network and what was measured, in sentences."""
        split, data, layout = Split.from_json(self.job.split), self.config["data"], self.config["layout"]
        sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
        weights = sum(weight.numel() for weight in self.job.model.parameters())
        changes = ", ".join(self.config["augment"]) or "none"
        drifts = [row["drift"] for row in self.history]
        training = f" {training_drift_text(drifts)}." if len(drifts) > 1 else ""
        remarks = f" Of the files: {'; '.join(data['remarks'])}." if data["remarks"] else ""
        return [
            f"{sizes[0]} images of {layout['size']} x {layout['size']} pixels for training, {sizes[1]} for validation "
            f"and {sizes[2]} for the test: {target_text(self.config['target'])}. Random changes in training: {changes}."
            f" The network is {network_text(self.config['network'])}; it has {weights:,} weights.{remarks}",
            f"The figures are of the {'test' if len(split.test) else 'validation'} split. "
            f"{measured[0].upper()}{measured[1:]}.{training}",
        ]

    def gallery(self) -> str:
        """The images, those with errors first."""
        order = self.order()[:_GALLERY_SIZE]
        degrees = range(0, 360, _MASK_TURN if self.kind == "masks" else TURN)
        return turntable([self.item(index, degrees) for index in order], degrees)

    def features(self) -> list[str]:
        """Feature maps of the first image of the gallery, turned."""
        index = self.order()[0]
        image, name = self.images.batch([index]).images[0], self.images.names[index]
        fragment = feature_table(self.predictor.model, image.to(self.predictor.device), name, self.fill)
        return [page.heading("Features"), fragment] if fragment else []

    def order(self) -> list[int]:
        """The images in the order in which they are shown."""
        some = self.images.select(torch.arange(min(_LOOKED_AT, len(self.images))))
        errors = []
        for indices in torch.split(torch.arange(len(some)), _BATCH_SIZE):
            batch = some.batch(indices)
            scores = self.job.target.scores(self.predictor.outputs(batch.images), batch)
            errors.append(scores if self.kind == "numbers" else 1 - scores)
        kinds = some.image_fields.get("classes", torch.zeros(len(some), dtype=torch.int64))
        return errors_first(torch.cat(errors), kinds)

    def item(self, index: int, degrees: Sequence[int]) -> TurnedItem:
        """An image, with its predictions at every angle."""
        batch, name = self.images.batch([index]), self.images.names[index]
        copies = torch.cat([rotate_images(batch.images, float(angle), self.fill) for angle in degrees])
        outputs = torch.cat([self.predictor.outputs(part) for part in copies.split(_BATCH_SIZE)])
        if self.kind == "masks":
            return self._mask_item(name, batch.images[0], batch.pixel_fields["masks"], outputs, degrees)
        target = self.job.target
        if isinstance(target, NumberTarget):
            truth, values = float(batch.image_fields["values"][0]), target.values(outputs)
            right = (1 - (values - truth).abs() / target.spread).clamp(0, 1).tolist()
            return TurnedItem(
                name, batch.images[0], f"{truth:.4g}", [f"{value:.4g}" for value in values.tolist()], right
            )
        classes, label = self.config["target"]["classes"], int(batch.image_fields["classes"][0])
        probabilities = outputs.softmax(1)
        best, predicted = probabilities.max(1)
        said = [f"{classes[k]} {100 * p:.0f} %" for k, p in zip(predicted.tolist(), best.tolist(), strict=True)]
        right = (predicted == label).double().tolist()
        return TurnedItem(name, batch.images[0], classes[label], said, right, (classes, probabilities))

    def _mask_item(self, name: str, image: Tensor, mask: Tensor, outputs: Tensor, degrees: Sequence[int]) -> TurnedItem:
        """An image under its predicted masks."""
        predicted = outputs.argmax(1)
        truths = torch.cat([rotate_masks(mask, float(angle)) for angle in degrees])
        known = truths != IGNORED
        right = ((predicted == truths) & known).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
        palette = torch.tensor([part_color(k) for k in range(outputs.shape[1])], dtype=torch.uint8)
        alpha = torch.full((*predicted.shape, 1), 255, dtype=torch.uint8)
        overlays = torch.cat((palette[predicted], alpha), -1)
        said = [f"{100 * share:.1f} % of the pixels right" for share in right.tolist()]
        return TurnedItem(name, image, "a mask", said, right.tolist(), None, overlays)

    def curves(self) -> list[str]:
        """The score against the angle, and the learning curves; nothing without matplotlib."""
        if find_spec("matplotlib") is None:
            return []
        score = self.predictor.metrics().score
        used = min(CURVE_IMAGES, len(self.images))
        text = f"{_LABELS[score]} on {used:,} images turned by every {STEP} degrees."
        drawing = angle_figure(self.points, score, _LABELS[score])
        fragments = [page.heading("Angle"), page.illustration(figures.svg(drawing, text), text[0].upper() + text[1:])]
        rows, name = self.history, self.job.score
        factor, top = (1, None) if name == "mae" else (100, 102)
        scores = {
            "as given": [factor * row[name] for row in rows],
            "rotated at random": [factor * row["rotated"] for row in rows],
        }
        panel = Panel(_SCORES[name], scores, top, "Validation, as given and rotated at random.")
        return [*fragments, *learning_section(rows, panel)]

    def tables(self, metrics: Any) -> list[str]:
        """The confusion matrix, a row for each class, and a row for each angle."""
        fragments = []
        if "confusion" in self.given:
            what = "pixels" if self.kind == "masks" else "images"
            fragments += [
                page.heading("Confusion matrix"),
                page.paragraph(
                    f"True classes by rows, predicted ones by columns, {what} as given; shades are shares of the row."
                ),
                confusion_table(torch.tensor(self.given["confusion"]), self.config["target"]["classes"]),
            ]
        for columns, rows in metrics.details(self.given):
            fragments += [page.heading("Classes"), page.table(columns, rows)]
        rows = [(f"{one.degrees}", *metrics.cells(one.figures), f"{one.drift:.2g}") for one in self.points]
        return [*fragments, page.heading("Angles"), page.table(("degrees", *metrics.columns, "change"), rows)]


def angle_figure(points: Sequence[Point], score: str, label: str) -> Any:
    """The score against the angle."""
    factor = 1 if score == "mae" else 100
    degrees = [*(point.degrees for point in points), 360]
    values = [factor * point.figures[score] for point in (*points, points[0])]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot(degrees, values, color=figures.BLUE, lw=1.6, marker="o", ms=3)
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="angle (degrees)", ylabel=label, xticks=range(0, 361, 45))
        axes.set_ylim(bottom=0, top=102 if factor == 100 else None)

    return figures.figure(draw, 7.0, 2.6)
