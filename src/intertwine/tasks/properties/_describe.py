"""Description of a run: its data, targets and encoder, in lines."""

from __future__ import annotations

from pathlib import Path

from intertwine.data import CHEMICAL_SYMBOLS
from intertwine.tasks._description import data_line
from intertwine.tasks.properties._encoders import encoder_name
from intertwine.tasks.properties._job import PropertyJob
from intertwine.tasks.properties._targets import Target


def describe(job: PropertyJob, folder: Path) -> list[tuple[str, str]]:
    """What was read and split, what is learned, and by how many parameters.

    Args:
        job: The job.
        folder: The folder of the run.

    Returns:
        Lines as (label, text).
    """
    data, encoder = job.config["data"], job.config["encoder"]
    elements = " ".join(CHEMICAL_SYMBOLS[number] for number in job.elements)
    parameters = sum(parameter.numel() for parameter in job.model.parameters())
    kind = "structures" if not data.get("periodic") else f"structures ({data['periodic']:,} periodic)"
    lines = [data_line(data, f"{data['structures']:,} {kind} of {elements}", job.split, folder)]
    for target, fit, config in zip(job.targets, job.compositions, job.config["targets"], strict=True):
        lines.append(("target", _target_line(target, config["pool"], float(fit.scale[-1]))))
    name, hidden = encoder_name(encoder["layer"]), encoder["hidden"].replace(" ", "")
    rotations = ", random rotations" if job.config["augment"] else ""
    lines.append(("encoder", f"{name}, {encoder['layers']} layers, {hidden}, {parameters:,} parameters{rotations}"))
    return lines


def _target_line(target: Target, pool: str | None, scale: float) -> str:
    unit = f" {target.unit}" if target.unit else ""
    kind = target.rep
    if target.cartesian:
        kind = f"{'3x3 matrix' if (1, 1, 'e') in target.irreps else 'symmetric 3x3 matrix'}, {target.rep}"
    if target.per_atom:
        return f"{target.name} ({kind}), one of each atom, the means of the elements leave {scale:.4g}{unit}"
    pooled = "summed over atoms" if pool == "sum" else "averaged over atoms"
    return f"{target.name} ({kind}), {pooled}, composition leaves {scale:.4g}{unit}"
