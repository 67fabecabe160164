"""Errors of predicted properties: as given, under random rotations, and of the composition fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.data import CHEMICAL_SYMBOLS, PointCloudSet
from intertwine.tasks._results import Evaluation
from intertwine.tasks.properties._targets import Target

ERRORS = ("given", "rotated", "composition")


def evaluate_errors(
    targets: Sequence[Target], errors: Mapping[str, Tensor], name: str, *, seed: int, structures: PointCloudSet
) -> Evaluation:
    """Mean errors of each target; of targets of atoms also those for each element.

    Args:
        targets: The targets.
        errors: For each of `ERRORS`, predictions minus true values, (S or N, D) float64.
        name: The name of the data.
        seed: Of the rotations.
        structures: What was predicted for.

    Returns:
        A row for each target.
    """
    dims = [target.dim for target in targets]
    columns = {key: torch.split(errors[key], dims, dim=1) for key in ERRORS}
    metrics = {
        target.name: _mean_errors(target, {key: columns[key][index] for key in ERRORS})
        for index, target in enumerate(targets)
    }
    size = len(structures)
    content: dict[str, Any] = {"data": name, "structures": size, "rotation_seed": seed, "targets": metrics}
    if any(target.per_atom for target in targets):
        content["atoms"] = len(structures.positions)
        content["elements"] = _by_element(targets, errors["given"], structures)
        notes = (
            f"{content['atoms']:,} atoms of {size:,} structures ({name}); element only is the mean of each element in "
            "the training set",
        )
        headings = ("target", "measure", "as given", "rotated", "element only", "unit")
        return Evaluation(headings, _rows(metrics), content, notes, (_element_table(content["elements"], metrics),))
    notes = (f"{size:,} structures ({name}); composition only is the least-squares fit on the training set",)
    headings = ("target", "measure", "as given", "rotated", "composition only", "unit")
    return Evaluation(headings, _rows(metrics), content, notes)


def _mean_errors(target: Target, errors: dict[str, Tensor]) -> dict[str, Any]:
    means: dict[str, Any] = {"unit": target.unit, "rep": target.rep}
    means["mae"] = {key: float(error.abs().mean()) for key, error in errors.items()}
    if not target.is_scalar:
        means["error_norm"] = {
            key: float(torch.linalg.vector_norm(error, dim=1).mean()) for key, error in errors.items()
        }
    return means


def _by_element(targets: Sequence[Target], errors: Tensor, structures: PointCloudSet) -> dict[str, dict[str, Any]]:
    """For each element, its atoms, and for each target the mean error as given, in the measure of the first table."""
    numbers = structures.point_fields["numbers"]
    parts = dict(zip(targets, torch.split(errors, [target.dim for target in targets], dim=1), strict=True))
    found: dict[str, dict[str, Any]] = {}
    for number in structures.distinct("numbers"):
        chosen = numbers == number
        found[CHEMICAL_SYMBOLS[number]] = {"atoms": int(chosen.sum())} | {
            target.name: float(
                (error.abs() if target.is_scalar else torch.linalg.vector_norm(error, dim=1))[chosen].mean()
            )
            for target, error in parts.items()
        }
    return found


def _element_table(
    elements: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (symbol, f"{means['atoms']:,}", *(f"{means[name]:.4g}" for name in metrics))
        for symbol, means in elements.items()
    )
    return ("element", "atoms", *metrics), rows


def _rows(metrics: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """One row for each target, in a measure that does not depend on the axes: the norm for vectors and tensors."""
    rows = []
    for name, means in metrics.items():
        key, title = ("error_norm", "mean |error|") if "error_norm" in means else ("mae", "MAE")
        rows.append((name, title, *(f"{means[key][error]:.4g}" for error in ERRORS), means["unit"]))
    return tuple(rows)
