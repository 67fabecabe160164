"""Evaluation on images as given and turned by every 15 degrees: the curve of the score against the angle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import ImageSet
from intertwine.tasks._example_metrics import Metrics
from intertwine.tasks._results import Evaluation, not_finite
from intertwine.tasks.clouds import Table
from intertwine.tasks.images._job import rotate_batch
from intertwine.tasks.images._targets import Target

STEP = 15
"""Degrees between two angles of the curve."""
CURVE_IMAGES = 1000
"""The curve is measured on at most so many images."""
_LARGE_DRIFT, _EXACT = 0.1, 1e-3
"""Changes of the outputs above which there is something to be done: at any angle, and at multiples of 90 degrees."""
_FINE = 16
"""A group of so many rotations is not called for a finer one."""


class Point(NamedTuple):
    """Figures at one angle; drift: the mean relative change of the outputs against those of the images as given."""

    degrees: int
    figures: dict[str, Any]
    drift: float


class TurnedImages(NamedTuple):
    """Everything that turned predictions need.

    outputs: images (B, C, H, W) to outputs, on the CPU; fill: (C,), the color outside of the images.
    """

    images: ImageSet
    target: Target
    metrics: Callable[[], Metrics]
    outputs: Callable[[Tensor], Tensor]
    fill: Tensor

    def given(self, batch_size: int, progress: ProgressCallback = no_progress) -> dict[str, Any]:
        """The figures of all images as they are.

        Raises:
            UsageError: A prediction is not finite.
        """
        metrics, done = self.metrics(), 0
        for indices in torch.split(torch.arange(len(self.images)), batch_size):
            batch = self.images.batch(indices)
            outputs = self.outputs(batch.images)
            broken = ~outputs.flatten(1).isfinite().all(1)
            if broken.any():
                raise not_finite("evaluation", self.images.names[int(indices[broken][0])], "labels")
            metrics.add(outputs, self.target.labels(batch))
            done += len(indices)
            progress(done, len(self.images))
        return metrics.figures()

    def curve(self, batch_size: int, progress: ProgressCallback = no_progress) -> list[Point]:
        """The figures of the first images at every angle."""
        some = self.images.select(torch.arange(min(len(self.images), CURVE_IMAGES)))
        parts = torch.split(torch.arange(len(some)), batch_size)
        reference = [self.outputs(some.batch(indices).images) for indices in parts]
        points: list[Point] = []
        for degrees in range(0, 360, STEP):
            metrics, drift = self.metrics(), 0.0
            for indices, given in zip(parts, reference, strict=True):
                batch = rotate_batch(self.target, some.batch(indices), float(degrees), self.fill)
                outputs = given if degrees == 0 else self.outputs(batch.images)
                metrics.add(outputs, self.target.labels(batch))
                drift += float(self.target.changes(outputs, given, float(degrees)).sum())
            points.append(Point(degrees, metrics.figures(), drift / len(some)))
            progress(len(points), 360 // STEP)
        return points


def as_evaluation(
    given: dict[str, Any] | None, curve: Sequence[Point], metrics: Metrics, name: str, images: int, advice: str
) -> Evaluation:
    """Tables and JSON of what was measured.

    Args:
        given: The figures of all images as they are; None if not wanted.
        curve: The figures at every angle; empty if not wanted.
        metrics: Knows how to write figures.
        name: Of the data.
        images: How many there are.
        advice: What to do about a large drift.
    """
    rows: list[tuple[str, ...]] = []
    details: list[Table] = []
    notes = [f"{images:,} images ({name})"]
    content: dict[str, Any] = {"data": name, "images": images}
    if given is not None:
        rows.append(("as given", *metrics.cells(given), "-"))
        details += metrics.details(given)
        content["given"] = given
    if curve:
        scores = [point.figures[metrics.score] for point in curve]
        worst = (min if metrics.score != "mae" else max)(curve, key=lambda point: point.figures[metrics.score])
        rows.append(("mean over angles", *mean_cells(metrics, curve), f"{mean_drift(curve):.2g}"))
        rows.append((f"worst, {worst.degrees} degrees", *metrics.cells(worst.figures), f"{worst.drift:.2g}"))
        table = tuple((f"{point.degrees}", *metrics.cells(point.figures), f"{point.drift:.2g}") for point in curve)
        details.insert(0, (("degrees", *metrics.columns, "change of outputs"), table))
        used = min(images, CURVE_IMAGES)
        content["curve"] = {
            "images": used,
            "degrees": [point.degrees for point in curve],
            metrics.score: scores,
            "drift": [point.drift for point in curve],
        }
        content["drift"] = mean_drift(curve)
        notes.append(f"turned by every {STEP} degrees, bilinear: {used:,} of them; {drift_text(curve, advice)}")
    columns = ("images", *metrics.columns, "change of outputs")
    return Evaluation(columns, tuple(rows), content, tuple(notes), tuple(details))


def mean_cells(metrics: Metrics, curve: Sequence[Point]) -> tuple[str, ...]:
    """The means over angles of the figures that tables show."""
    keys = [key for key, value in curve[0].figures.items() if not isinstance(value, list)]
    known = {key: [point.figures[key] for point in curve if point.figures[key] is not None] for key in keys}
    return metrics.cells({key: sum(values) / len(values) if values else None for key, values in known.items()})


def mean_drift(curve: Sequence[Point]) -> float:
    """The mean relative change of the outputs over the angles that are no multiples of 90 degrees."""
    drifts = [point.drift for point in curve if point.degrees % 90]
    return sum(drifts) / len(drifts)


def drift_text(curve: Sequence[Point], advice: str) -> str:
    """What a rotation does to the outputs, in words; advice where it is much."""
    exact = max(point.drift for point in curve if point.degrees % 90 == 0)
    drift = mean_drift(curve)
    text = f"a rotation changes the outputs by {100 * drift:.1f} % of their norm"
    text += f", one by 90, 180 or 270 degrees by {100 * exact:.1g} %"
    return f"{text}; {advice}" if drift > _LARGE_DRIFT or exact > _EXACT else text


def training_drift_text(drifts: Sequence[float]) -> str:
    """How training moved the change of the outputs under rotations, in words.

    Args:
        drifts: The mean relative change of the outputs of validation images rotated at random, after each epoch.

    >>> training_drift_text([0.2, 0.31])
    'Training let it grow: 20.0 % after epoch 1, 31.0 % after epoch 2 (validation, random angles)'
    """
    first, last = drifts[0], drifts[-1]
    moved = "let it grow" if last > 1.1 * first else "lowered it" if last < first / 1.1 else "left it about the same"
    text = f"Training {moved}: {100 * first:.1f} % after epoch 1, {100 * last:.1f} % after epoch {len(drifts)}"
    return f"{text} (validation, random angles)"


def headline_drift(drift: float, config: dict[str, Any]) -> str:
    """The change of the outputs under rotations in a line, with advice where it is much."""
    text = f"a rotation changes the outputs by {100 * drift:.1f} %"
    return f"{text}; {drift_advice(config)}" if drift > _LARGE_DRIFT else text


def drift_advice(config: dict[str, Any]) -> str:
    """What lowers the change of the outputs under rotations, for a network.

    >>> drift_advice({"network": {"name": "gcnn", "group": "C16"}, "augment": []})
    'training on unturned images lets it grow; --augment rotate lowers it'
    """
    network, group = config["network"], config["network"]["group"]
    if network["name"] == "plain":
        return "this network has no symmetry; --model gcnn has, and --augment rotate teaches it"
    finer = f"a finer --group ({group[0]}16)" if group[1:].isdigit() and int(group[1:]) < _FINE else ""
    if "rotate" in config["augment"]:
        return f"{finer} lowers it" if finer else "larger filters (--kernel-size) lower it"
    ways = f"--augment rotate and {finer} lower it" if finer else "--augment rotate lowers it"
    return f"training on unturned images lets it grow; {ways}"
