"""Errors of predicted properties: as given, under random rotations, and of the composition fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.tasks._results import Evaluation
from intertwine.tasks.properties._targets import Target

ERRORS = ("given", "rotated", "composition")


def evaluate_errors(targets: Sequence[Target], errors: Mapping[str, Tensor], name: str, *, seed: int) -> Evaluation:
    """Mean errors of each target.

    Args:
        targets: The targets.
        errors: For each of `ERRORS`, predictions minus true values, (S, D) float64.
        name: The name of the data.
        seed: Of the rotations.

    Returns:
        A row for each target.
    """
    dims = [target.dim for target in targets]
    columns = {key: torch.split(errors[key], dims, dim=1) for key in ERRORS}
    metrics = {
        target.name: _mean_errors(target, {key: columns[key][index] for key in ERRORS})
        for index, target in enumerate(targets)
    }
    size = len(errors["given"])
    content: dict[str, Any] = {"data": name, "structures": size, "rotation_seed": seed, "targets": metrics}
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


def _rows(metrics: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """One row for each target, in a measure that does not depend on the axes: the norm for vectors and tensors."""
    rows = []
    for name, means in metrics.items():
        key, title = ("error_norm", "mean |error|") if "error_norm" in means else ("mae", "MAE")
        rows.append((name, title, *(f"{means[key][error]:.4g}" for error in ERRORS), means["unit"]))
    return tuple(rows)
