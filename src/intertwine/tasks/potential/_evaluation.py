"""Errors of a potential: energies by frame and by atom, force components, stresses; by kind of frame and by element."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.data import CHEMICAL_SYMBOLS, PointCloudSet
from intertwine.tasks._results import Evaluation

MILLI = 1000
COLUMNS = ("quantity", "RMSE", "MAE", "unit")


class Outputs(NamedTuple):
    """Predictions for frames, float64: energy (S,), forces (N, 3), stress (S, 9), zero where it is not periodic."""

    energy: Tensor
    forces: Tensor
    stress: Tensor


class FrameErrors(NamedTuple):
    """Predicted minus true labels in meV, meV/A and meV/A^3; NaN where a frame has no such label.

    energy (S,); forces (N, 3); stress (S, 9).
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor


def frame_errors(outputs: Outputs, frames: PointCloudSet) -> FrameErrors:
    """The errors of predictions."""
    fields, nan = frames.cloud_fields, torch.tensor(float("nan"), dtype=torch.float64)
    has_energy, has_forces, has_stress = (fields[f"has_{name}"] for name in ("energy", "forces", "stress"))
    energy = torch.where(has_energy[:, 0], outputs.energy - fields["energy"][:, 0], nan)
    forces = torch.where(has_forces[frames.batch], outputs.forces - frames.point_fields["forces"], nan)
    stress = torch.where(has_stress, outputs.stress - fields["stress"], nan)
    return FrameErrors(MILLI * energy, MILLI * forces, MILLI * stress)


def rmse(errors: Tensor) -> float | None:
    """Root mean square of the errors that are known; None where none is."""
    known = errors[~errors.isnan()]
    return float(known.square().mean().sqrt()) if len(known) else None


def mae(errors: Tensor) -> float | None:
    """Mean of the absolute errors that are known; None where none is."""
    known = errors[~errors.isnan()]
    return float(known.abs().mean()) if len(known) else None


def evaluate_errors(errors: FrameErrors, frames: PointCloudSet, name: str) -> Evaluation:
    """The errors as a table, with one by kind of frame (`config_type`) and one by element.

    Args:
        errors: Of the frames.
        frames: The frames.
        name: Of the data.
    """
    parts = quantities(errors, frames)
    metrics: dict[str, Any] = {
        key: {"rmse": rmse(values), "mae": mae(values), "unit": unit} for key, (_, values, unit) in parts.items()
    }
    rows = tuple(
        (title, number(rmse(values)), number(mae(values)), unit)
        for title, values, unit in parts.values()
        if rmse(values) is not None
    )
    kinds, elements = by_kind(errors, frames), by_element(errors, frames)
    content = {"data": name, "frames": len(frames), **metrics, "config_types": kinds, "elements": elements}
    details = [kind_table(kinds)] if len(kinds) > 1 else []
    if elements:
        details.append(element_table(elements))
    note = f"{len(frames):,} frame{'' if len(frames) == 1 else 's'} ({name})"
    return Evaluation(COLUMNS, rows, content, (note,), tuple(details))


def quantities(errors: FrameErrors, frames: PointCloudSet) -> dict[str, tuple[str, Tensor, str]]:
    """The errors by quantity: title, values, unit."""
    return {
        "energy": ("energy, per frame", errors.energy, "meV"),
        "energy_per_atom": ("energy, per atom", errors.energy / frames.counts, "meV/atom"),
        "forces": ("forces, per component", errors.forces, "meV/A"),
        "stress": ("stress, per component", errors.stress, "meV/A^3"),
    }


def by_kind(errors: FrameErrors, frames: PointCloudSet) -> dict[str, dict[str, Any]]:
    """Root mean square errors of each `config_type`."""
    labels, found = frames.cloud_fields["config_type"], {}
    for index, kind in enumerate(frames.label_names["config_type"]):
        chosen = labels == index
        if bool(chosen.any()):
            energy = errors.energy[chosen]
            found[kind] = {
                "frames": int(chosen.sum()),
                "energy": rmse(energy),
                "energy_per_atom": rmse(energy / frames.counts[chosen]),
                "forces": rmse(errors.forces[chosen[frames.batch]]),
            }
    return found


def by_element(errors: FrameErrors, frames: PointCloudSet) -> dict[str, dict[str, Any]]:
    """Errors of the forces on atoms of each element."""
    numbers, found = frames.point_fields["numbers"], {}
    for element in frames.distinct("numbers"):
        part = errors.forces[numbers == element]
        if rmse(part) is not None:
            found[CHEMICAL_SYMBOLS[element]] = {"atoms": len(part), "forces": rmse(part), "forces_mae": mae(part)}
    return found


Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def kind_table(kinds: dict[str, dict[str, Any]]) -> Table:
    """The errors of each kind of frame as a table."""
    rows = tuple(
        (kind, f"{row['frames']:,}", *(number(row[key]) for key in ("energy", "energy_per_atom", "forces")))
        for kind, row in kinds.items()
    )
    return ("config_type", "frames", "energy, meV", "energy, meV/atom", "forces, meV/A"), rows


def element_table(elements: dict[str, dict[str, Any]]) -> Table:
    """The errors of the forces on each element as a table."""
    rows = tuple(
        (symbol, f"{row['atoms']:,}", number(row["forces"]), number(row["forces_mae"]))
        for symbol, row in elements.items()
    )
    return ("element", "atoms", "forces RMSE, meV/A", "forces MAE, meV/A"), rows


def number(value: float | None) -> str:
    """Three digits, or a dash where there is no value."""
    return "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
