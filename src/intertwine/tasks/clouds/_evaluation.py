"""How right a model is on clouds as they are and turned, and by how much turning changes what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import unknown
from intertwine.tasks._task import Evaluation, Progress
from intertwine.tasks.clouds._describe import count
from intertwine.tasks.clouds._job import LabeledClouds, largest_of
from intertwine.tasks.clouds._choices import PROTOCOLS, TURNS
from intertwine.tasks.clouds._rotations import rotations_from

if TYPE_CHECKING:
    from intertwine.tasks.clouds._predictor import ShapePredictor


class Predictions(NamedTuple):
    """What a model says of clouds under one kind of rotation.

    turn: one of `TURNS`; predicted: (S,) classes or (N,) parts, int64; confidence: the probability of each of these;
    change: (S,) the largest change of a logit against the clouds as they are.
    """

    turn: str
    predicted: Tensor
    confidence: Tensor
    change: Tensor


class Metrics(ABC):
    """How predictions are held against truth in one task.

    Attributes:
        columns: The headings of the figures.
    """

    columns: tuple[str, ...]

    @abstractmethod
    def measure(self, judged: Predictions) -> dict[str, Any]:
        """The figures of one kind of rotation, as JSON."""

    @abstractmethod
    def cells(self, found: dict[str, Any]) -> tuple[str, ...]:
        """The figures that the table shows, one for each of `columns`."""


def chosen_turns(augment: str, protocols: Sequence[str]) -> tuple[str, ...]:
    """The rotations of the test that these protocols ask for; all, where none is named.

    Args:
        augment: How clouds were turned in training.
        protocols: Names such as "z/SO3".

    Raises:
        UsageError: There is no such protocol, or the model was trained otherwise.

    >>> chosen_turns("z", ["z/SO3"])
    ('SO3',)
    """
    for name in protocols:
        if name not in PROTOCOLS:
            raise unknown("protocol", name, PROTOCOLS)
        if name.partition("/")[0] != augment:
            own = ", ".join(f"{augment}/{turn}" for turn in TURNS)
            raise UsageError(f"--protocol {name}: this model was trained with --augment {augment}; its are {own}")
    wanted = {name.partition("/")[2] for name in protocols} or set(TURNS)
    return tuple(turn for turn in TURNS if turn in wanted)


def judge(
    predictor: ShapePredictor,
    held: LabeledClouds,
    turns: Sequence[str],
    *,
    batch_size: int,
    seed: int,
    progress: Progress,
) -> list[Predictions]:
    """What a predictor says of clouds, turned in each of these ways.

    Args:
        predictor: The trained model.
        held: The clouds.
        turns: Some of `TURNS`.
        batch_size: Clouds at a time.
        seed: Of the rotations.
        progress: Told how many predictions are made.

    Returns:
        One for each turn.
    """
    size = len(held.clouds)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(size, 4, generator=generator, dtype=torch.float64)
    found: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {turn: [] for turn in turns}
    done, total = 0, size * len({"none", *turns})
    for indices in torch.split(torch.arange(size), batch_size):
        given = held.clouds.batch(indices)
        category = held.category(indices)
        reference = predictor.logits(given, category)
        for turn in dict.fromkeys(("none", *turns)):
            logits = reference
            if turn != "none":
                rotations = rotations_from(draws[indices], turn, predictor.config["up"])
                logits = predictor.logits(held.clouds.batch(indices, rotations=rotations), category)
            if turn in found:
                confidence, predicted = predictor.probabilities(logits, given.batch, category).max(1)
                found[turn].append((predicted, confidence, largest_of(logits - reference, given)))
            done += len(indices)
            progress(done, total)
    return [Predictions(turn, *map(torch.cat, zip(*parts, strict=True))) for turn, parts in found.items()]


def evaluate(
    judged: Sequence[Predictions], measures: Metrics, augment: str
) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    """The table of the protocols: headings, cells, and the same as JSON."""
    found = {f"{augment}/{one.turn}": measures.measure(one) | changes(one) for one in judged}
    rows = tuple((name, *measures.cells(part), f"{part['largest_change']:.2g}") for name, part in found.items())
    return ("train/test", *measures.columns, "largest change of a logit"), rows, found


def changes(judged: Predictions) -> dict[str, float]:
    """The largest and the mean change of the logits of a cloud."""
    return {"largest_change": float(judged.change.max()), "mean_change": float(judged.change.mean())}


def as_evaluation(
    table: tuple[tuple[str, ...], Any, dict[str, Any]], what: str, clouds: int, seed: int, notes: Sequence[str] = ()
) -> Evaluation:
    """The table with what it is a table of."""
    columns, rows, found = table
    content = {"data": what, "clouds": clouds, "rotation_seed": seed, "protocols": found}
    said = (
        f"{count(clouds, 'cloud')} ({what}); none: as they are, z: about the vertical, SO3: any rotation (seed {seed})"
    )
    return Evaluation(columns, rows, content, (said, *notes))


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.9268)
    '92.7 %'
    """
    return f"{100 * share:.1f} %"
