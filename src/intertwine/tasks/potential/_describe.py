"""Description of a run of `potential`, in lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intertwine.data import CHEMICAL_SYMBOLS
from intertwine.tasks._description import sizes_text
from intertwine.tasks.potential._job import PotentialJob

_UNITS = {"energy": "eV", "forces": "eV/A", "stress": "eV/A^3"}


def describe(job: PotentialJob, folder: Path) -> list[tuple[str, str]]:
    """What was read and split, which keys hold the labels, the references, and the model.

    Args:
        job: The job.
        folder: The folder of the run.

    Returns:
        Lines as (label, text).
    """
    config, split = job.config, job.split
    data, model = config["data"], config["model"]
    symbols = [CHEMICAL_SYMBOLS[number] for number in job.elements]
    names = ", ".join(Path(file["source"]).name for file in data["files"])
    references = " ".join(
        f"{symbol} {energy:.4f}" for symbol, energy in zip(symbols, config["reference"]["energies"], strict=True)
    )
    parameters = sum(parameter.numel() for parameter in job.model.parameters())
    return [
        (
            "data",
            f"{names}: {data['frames']:,} frames of {' '.join(symbols)}, split {sizes_text(split)} (seed "
            f"{split['seed']}, written to {folder / 'split.json'})",
        ),
        ("labels", labels_text(config["found"], data["frames"], config.get("converted", ()))),
        ("reference", f"{config['reference']['source']}: {references} eV"),
        (
            "model",
            f"{model['layers']} layers, {model['hidden'].replace(' ', '')}, body order "
            f"{model['body_order']}, cutoff {model['cutoff']:g} A ({model['average_neighbors']:g} neighbors), "
            f"{parameters:,} parameters",
        ),
    ]


def labels_text(found: dict[str, dict[str, int]], frames: int, converted: Sequence[str] = ()) -> str:
    """Which keys hold the labels, in which unit, how many frames lack them, and from which units they were converted.

    >>> labels_text({"energy": {"REF_energy": 9}, "forces": {"REF_forces": 6}, "stress": {}}, 9)
    'energy from REF_energy (eV), forces from REF_forces (eV/A; 3 frames have none), no stress'
    """
    parts = []
    for name, keys in found.items():
        if not keys:
            parts.append(f"no {name}")
            continue
        single = len(keys) == 1
        names = " and ".join(key if single else f"{key} ({count:,} frames)" for key, count in keys.items())
        missing = frames - sum(keys.values())
        lacking = f"; {missing:,} frames have none" if missing else ""
        parts.append(f"{name} from {names} ({_UNITS[name]}{lacking})")
    return ", ".join(parts) + (f"; converted from {' and '.join(converted)}" if converted else "")
