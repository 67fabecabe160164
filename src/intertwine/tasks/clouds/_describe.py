"""Description of a run on clouds: its data and its encoder, in lines and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertwine.tasks._description import data_line
from intertwine.tasks.clouds._choices import estimated_share, needs_normals
from intertwine.tasks.clouds._job import CloudJob


def describe(job: CloudJob, folder: Path) -> list[tuple[str, str]]:
    """What was read and split, what was skipped, and by how many parameters it is learned.

    Args:
        job: The job.
        folder: The folder of the run.

    Returns:
        Lines as (label, text).
    """
    data, encoder = job.config["data"], job.config["encoder"]
    parameters = sum(parameter.numel() for parameter in job.model.parameters())
    size = encoder["hidden"].replace(" ", "") if encoder["hidden"] else f"{encoder['width']} channels"
    frame = "" if encoder["frame"] == "none" else f" in {encoder['frame']} frames"
    mirrors = ", mirror images told apart" if encoder["group"] == "SO3" else ""
    lines = [
        data_line(data, f"{data['clouds']:,} clouds, {kinds(job.config)}", job.split, folder),
        (
            "encoder",
            f"{encoder['name']}{frame}{mirrors}, {layers_text(encoder)}, {size}, {parameters:,} parameters"
            f"{_augmented(job.config['augment'])}{', up vector as input' if job.config['vertical'] else ''}",
        ),
    ]
    if needs_normals(job.config["model"]) and not job.config["normals"]:
        lines.append(("normals", normals_text(estimated_share(job.config))))
    return lines


def normals_text(share: float) -> str:
    """Which normals a model learns from, by the share of training clouds that have estimated ones.

    >>> normals_text(0.5)
    'of the files, and for half of the training clouds estimated from the points'
    """
    if share == 1:
        return "estimated from the points, here and in predictions"
    if share == 0:
        return "of the files; to predict for clouds without normals, fit with --estimated-normals 0.5"
    part = "half" if share == 0.5 else f"{100 * share:g} %"
    return f"of the files, and for {part} of the training clouds estimated from the points"


def kinds(config: dict[str, Any]) -> str:
    """How many classes, or parts, or both."""
    classes = f"{len(config['classes'])} classes"
    if "parts" not in config:
        return classes
    parts = f"{len(config['parts'])} parts"
    return f"{classes}, {parts}" if len(config["categories"]) > 1 else parts


def count(number: int, what: str) -> str:
    """So many of something.

    >>> count(1, "layer"), count(2, "layer")
    ('1 layer', '2 layers')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def layers_text(encoder: dict[str, Any]) -> str:
    """How many layers there are, and on how many levels.

    >>> layers_text({"layers": 1, "levels": 2})
    '1 layer on each of 2 levels'
    """
    layers, levels = count(encoder["layers"], "layer"), encoder["levels"]
    return f"{layers} on each of {count(levels, 'level')}" if levels else layers


def _augmented(rotation: str) -> str:
    return {"none": "", "z": ", rotated about the vertical", "SO3": ", rotated at random"}[rotation]
