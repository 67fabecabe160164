"""Evaluation protocols of clouds: metrics as given and under random rotations, and the change of the logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from intertwine._errors import UsageError
from intertwine.tasks._results import Evaluation
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.clouds._choices import PROTOCOLS, ROTATIONS
from intertwine.tasks.clouds._describe import count

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
"""Headings, and cells by rows."""


class Predictions(NamedTuple):
    """Predicted labels of clouds under one kind of rotation.

    rotation: one of `ROTATIONS`; predicted: (S,) classes or (N,) parts, int64; confidence: the probability of each of
    these; change: (S,) the largest change of a logit against the clouds as given.
    """

    rotation: str
    predicted: Tensor
    confidence: Tensor
    change: Tensor


class Metrics(ABC):
    """The metrics of a task, computed from predictions and the true labels that it holds.

    Attributes:
        columns: The headings of the figures.
    """

    columns: tuple[str, ...]

    @abstractmethod
    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """The figures under one kind of rotation, as JSON."""

    @abstractmethod
    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """The figures that the table shows, one for each of `columns`."""

    def details(self, figures: Mapping[str, dict[str, Any]]) -> tuple[Table, ...]:
        """Further tables.

        Args:
            figures: What `measure` gave, by the name of the protocol.
        """
        return ()


def protocol_rotations(augment: str, protocols: Sequence[str]) -> tuple[str, ...]:
    """The rotations of the test in these protocols; all, where none is named.

    Args:
        augment: The rotations in training.
        protocols: Names such as "z/SO3".

    Raises:
        UsageError: There is no such protocol, or the model was trained otherwise.

    >>> protocol_rotations("z", ["z/SO3"])
    ('SO3',)
    """
    for name in protocols:
        if name not in PROTOCOLS:
            raise unknown("protocol", name, PROTOCOLS)
        if name.partition("/")[0] != augment:
            own = ", ".join(f"{augment}/{rotation}" for rotation in ROTATIONS)
            raise UsageError(f"--protocol {name}: this model was trained with --augment {augment}; its are {own}")
    wanted = {name.partition("/")[2] for name in protocols} or set(ROTATIONS)
    return tuple(rotation for rotation in ROTATIONS if rotation in wanted)


def evaluation_table(
    predictions: Sequence[Predictions], metrics: Metrics, augment: str
) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    """The table of the protocols: headings, cells, and the same as JSON."""
    figures = {f"{augment}/{one.rotation}": metrics.measure(one) | changes(one) for one in predictions}
    rows = tuple((name, *metrics.cells(part), f"{part['largest_change']:.2g}") for name, part in figures.items())
    return ("train/test", *metrics.columns, "largest change of a logit"), rows, figures


def changes(predictions: Predictions) -> dict[str, float]:
    """The largest and the mean change of the logits of a cloud."""
    return {"largest_change": float(predictions.change.max()), "mean_change": float(predictions.change.mean())}


def as_evaluation(
    table: tuple[tuple[str, ...], Any, dict[str, Any]],
    name: str,
    clouds: int,
    seed: int,
    notes: Sequence[str] = (),
    details: tuple[Table, ...] = (),
) -> Evaluation:
    """The table with what it is a table of."""
    columns, rows, figures = table
    content = {"data": name, "clouds": clouds, "rotation_seed": seed, "protocols": figures}
    legend = (
        f"{count(clouds, 'cloud')} ({name}); none: as they are, z: about the vertical, SO3: any rotation (seed {seed})"
    )
    return Evaluation(columns, rows, content, (legend, *notes), details)


def class_rows(
    tables: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[str],
    heading: tuple[str, str] = ("class", "clouds"),
    measures: Mapping[str, str] = MappingProxyType({"recall": "recall", "precision": "precision"}),
) -> Table:
    """A row for each class: its name, how many there are, and its shares under each kind of rotation.

    Args:
        tables: What `class_table` gave under some kinds of rotation.
        names: What these are called in the headings.
        heading: Of the first two columns.
        measures: Which shares, and what they are called.
    """
    columns = (*heading, *(f"{title} {name}".strip() for title in measures.values() for name in names))
    rows = tuple(
        (
            same[0]["name"],
            f"{same[0]['count']:,}",
            *("-" if one[measure] is None else percent(one[measure]) for measure in measures for one in same),
        )
        for same in zip(*tables, strict=True)
    )
    return columns, rows


def with_estimated_normals(evaluation: Evaluation, figures: dict[str, Any], metrics: Metrics) -> Evaluation:
    """The evaluation with the figures of the clouds as given, but with normals estimated from their points."""
    cells = ", ".join(f"{name} {cell}" for name, cell in zip(metrics.columns, metrics.cells(figures), strict=True))
    note = f"with normals estimated from the points, as of files that have none: {cells}"
    content = {**evaluation.metrics, "estimated_normals": figures}
    return replace(evaluation, metrics=content, notes=(*evaluation.notes, note))


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(0.9268)
    '92.7 %'
    """
    return f"{100 * share:.1f} %"
