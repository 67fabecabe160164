"""Comparison of encoders on one split with one budget: learning curves, test errors, errors under rotation, audits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from intertwine.auditing import Report
from intertwine.data import PointCloudSet
from intertwine.groups import SO3
from intertwine.tasks._results import AuditSettings
from intertwine.tasks.properties._job import PropertyJob
from intertwine.tasks.properties._model import PropertyNetwork
from intertwine.tasks.properties._predictor import PropertyPredictor
from intertwine.training import Settings, fit, load_checkpoint

if TYPE_CHECKING:
    from rich.console import Console

ANGLES = tuple(range(0, 181, 30))
_ANGLE_STRUCTURES = 400  # of the test, for the curve of error against angle


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison: its name, the changes of its encoder, and whether its training data are rotated."""

    name: str
    encoder: dict[str, Any]
    augment: bool = False


@dataclass(frozen=True)
class ArmResult:
    """The measurements of an arm; errors are means over test structures, in the unit of the target.

    Attributes:
        arm: The arm.
        folder: Its run.
        parameters: Number of trained weights.
        seconds: Of training, validation included.
        history: One row for each epoch.
        truth: ``(S,)`` reference values of the test set.
        given: ``(S,)`` predictions for the structures as they are.
        rotated: ``(S,)`` predictions after a Haar-random rotation of each.
        composition: ``(S,)`` predictions of the composition-only fit.
        by_angle: Mean absolute error after rotation by each of ``ANGLES`` about random axes.
        report: The audit.
    """

    arm: Arm
    folder: Path
    parameters: int
    seconds: float
    history: list[dict[str, float]]
    truth: Tensor
    given: Tensor
    rotated: Tensor
    composition: Tensor
    by_angle: list[float]
    report: Report

    def error(self, predictions: Tensor) -> float:
        """Mean absolute error of predictions of the test set."""
        return float((predictions - self.truth).abs().mean())


def count_parameters(config: dict[str, Any]) -> int:
    """Number of weights of the network that a configuration describes."""
    with torch.random.fork_rng(devices=[]):
        network = PropertyNetwork(config["elements"], {**config["encoder"], "rep_out": "1x0e", "pool": "sum"})
    return sum(weight.numel() for weight in network.parameters())


def matched_width(config: dict[str, Any], wanted: int) -> int:
    """The width of the message networks that comes closest to a number of weights, which grows with it."""

    def count(width: int) -> int:
        return count_parameters({**config, "encoder": {**config["encoder"], "width": width}})

    low, high = 1, 2
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) >= wanted else (middle, high)
    return min((low, high), key=lambda width: abs(count(width) - wanted))


def compare(
    config: dict[str, Any],
    split: dict[str, Any],
    structures: PointCloudSet,
    arms: Sequence[Arm],
    settings: Settings,
    folder: Path,
    *,
    screen: Console,
    say: Callable[[str, str], None],
) -> list[ArmResult] | None:
    """Train every arm on the same split with the same settings, then measure them on the same test structures.

    An arm that has begun in its folder goes on from its last checkpoint; one that has ended is not trained again.

    Args:
        config: The plan that the arms vary.
        split: The split.
        structures: All the data.
        arms: The arms.
        settings: Of every training.
        folder: Each arm trains in a folder of its own in here.
        screen: Where progress shows.
        say: Called with a label and a line about each arm.

    Returns:
        One result for each arm; None where training was interrupted.
    """
    trained = []
    for arm in arms:
        varied = copy.deepcopy(config)
        varied["encoder"].update(arm.encoder)
        varied["augment"] = arm.augment
        job = PropertyJob(varied, split, structures)
        weights = count_parameters(varied)
        say(arm.name, f"{weights:,} parameters, {settings.epochs} epochs of {job.train_size():,} molecules")
        place = folder / arm.name.replace(", ", "-").replace(" ", "-")
        outcome = fit(job, place, settings, resume=(place / "last").is_dir(), console=screen)
        if outcome.interrupted:
            return None
        trained.append((arm, place, weights, outcome))
    say("test", "as given, rotated at random, rotated by angles; then the audit of each")
    return [_measure(arm, place, size, outcome.history, structures) for arm, place, size, outcome in trained]


def _measure(arm: Arm, place: Path, size: int, history: list[dict[str, float]], structures: PointCloudSet) -> ArmResult:
    predictor = PropertyPredictor.from_checkpoint(load_checkpoint(place / "best"))
    test = structures.select(predictor.split.test)
    truth = test.cloud_fields[predictor.targets[0].name][:, 0]
    generator = torch.Generator().manual_seed(predictor.split.seed)

    def predict(rotations: Tensor | None, some: PointCloudSet = test) -> Tensor:
        return torch.cat(list(predictor(some, rotations=rotations)))[:, 0]

    few = test.select(range(min(_ANGLE_STRUCTURES, len(test))))
    axes = torch.randn(len(few), 3, dtype=torch.float64, generator=generator)
    by_angle = [float((predict(_rotations(axes, angle), few) - truth[: len(few)]).abs().mean()) for angle in ANGLES]
    return ArmResult(
        arm=arm,
        folder=place,
        parameters=size,
        seconds=history[-1]["seconds"],
        history=history,
        truth=truth,
        given=predict(None),
        rotated=predict(SO3().sample(len(test), generator=generator)),
        composition=predictor.composition(test)[:, 0],
        by_angle=by_angle,
        report=replace(predictor.audit(None, AuditSettings(samples=32, inputs=1)), name=arm.name),
    )


def _rotations(axes: Tensor, degrees: float) -> Tensor:
    """Rotations about axes ``(S, 3)`` by one angle."""
    n = axes / axes.norm(dim=1, keepdim=True)
    generators: Tensor = torch.einsum("aij,sa->sij", SO3().lie_algebra, n)
    rotations: Tensor = torch.linalg.matrix_exp(generators * (degrees * pi / 180))
    return rotations
