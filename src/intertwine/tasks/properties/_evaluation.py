"""How far predictions are from known answers, and whether turning the structures makes a difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from intertwine.data import PointCloudSet
from intertwine.groups import SO3
from intertwine.tasks._task import Evaluation, Progress
from intertwine.tasks.properties._targets import Target

if TYPE_CHECKING:
    from intertwine.tasks.properties._predictor import PropertyPredictor

_WAYS = ("given", "rotated", "composition")


def evaluate(
    predictor: PropertyPredictor,
    structures: PointCloudSet,
    what: str,
    *,
    batch_size: int,
    seed: int,
    progress: Progress,
) -> Evaluation:
    """The errors of a predictor on structures with known targets.

    Each structure is judged as it is given and after a rotation of its own, Haar-random, by which its targets turn as
    well. The predictions of an equivariant model turn with them, and both errors are the same to rounding.

    Args:
        predictor: The trained model.
        structures: With targets.
        what: The name of the data.
        batch_size: Structures at a time.
        seed: Of the rotations.
        progress: Told how many predictions are made.

    Returns:
        A row for each target and measure.
    """
    rotations = SO3().sample(len(structures), generator=torch.Generator().manual_seed(seed))
    truth = torch.cat([structures.cloud_fields[target.name] for target in predictor.targets], dim=1)
    turned = torch.einsum("sij,sj->si", predictor.model.rep_out.matrix(rotations), truth)
    errors = {
        "given": _predict(predictor, structures, what, None, batch_size, progress, 0) - truth,
        "rotated": _predict(predictor, structures, what, rotations, batch_size, progress, 1) - turned,
        "composition": predictor.composition(structures) - truth,
    }
    metrics = {
        target.name: _measures(target, {way: _columns(predictor.targets, index, errors[way]) for way in _WAYS})
        for index, target in enumerate(predictor.targets)
    }
    content: dict[str, Any] = {"data": what, "structures": len(structures), "rotation_seed": seed, "targets": metrics}
    notes = (f"{len(structures):,} structures ({what}); composition only is the least-squares fit on the training set",)
    return Evaluation(
        ("target", "measure", "as given", "rotated", "composition only", "unit"), _rows(metrics), content, notes
    )


def _predict(
    predictor: PropertyPredictor,
    structures: PointCloudSet,
    what: str,
    rotations: Tensor | None,
    batch_size: int,
    progress: Progress,
    leg: int,
) -> Tensor:
    parts = []
    done = leg * len(structures)
    for part in predictor(structures, batch_size=batch_size, rotations=rotations, what=what):
        parts.append(part)
        done += len(part)
        progress(done, 2 * len(structures))
    return torch.cat(parts)


def _columns(targets: Sequence[Target], index: int, errors: Tensor) -> Tensor:
    return torch.split(errors, [target.dim for target in targets], dim=1)[index]


def _measures(target: Target, errors: dict[str, Tensor]) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": target.unit, "rep": target.rep}
    found["mae"] = {way: float(error.abs().mean()) for way, error in errors.items()}
    if not target.is_scalar:
        found["error_norm"] = {
            way: float(torch.linalg.vector_norm(error, dim=1).mean()) for way, error in errors.items()
        }
    return found


def _rows(metrics: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """One row a target, in a measure that does not depend on the axes: the norm for what turns."""
    rows = []
    for name, found in metrics.items():
        key, title = ("error_norm", "mean |error|") if "error_norm" in found else ("mae", "MAE")
        rows.append((name, title, *(f"{found[key][way]:.4g}" for way in _WAYS), found["unit"]))
    return tuple(rows)
