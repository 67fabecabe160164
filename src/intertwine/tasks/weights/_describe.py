"""Description of a run on networks: its data and its model, in lines and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertwine.data import user_cache
from intertwine.tasks._description import data_line
from intertwine.tasks.weights._network import weight_space
from intertwine.tasks.weights._options import PUBLIC


def describe(job: Any, folder: Path) -> list[tuple[str, str]]:
    """What was read and split, and by how many parameters it is learned.

    Args:
        job: The job.
        folder: The folder of the run.

    Returns:
        Lines as (label, text).
    """
    data, space = job.config["data"], weight_space(job.config)
    what = f"{data['networks']:,} networks of {space.num_weights:,} weights, {target_text(job.config['target'])}"
    lines = [
        data_line(data, what, job.split, folder),
        ("space", space_text(job.config)),
    ]
    lines += [("fit", remark) for remark in data["remarks"][:1]]
    if data["source"] in PUBLIC:
        lines.append(("cached", f"{user_cache()}; intertwine data {data['source']} --count N makes more"))
    parameters = sum(parameter.numel() for parameter in job.model.parameters())
    changes = f", networks changed at random: {', '.join(job.config['augment'])}" if job.config["augment"] else ""
    return [*lines, ("model", f"{model_text(job.config['network'])}, {parameters:,} parameters{changes}")]


def target_text(target: dict[str, Any]) -> str:
    """What is predicted, in words.

    >>> target_text({"kind": "classes", "classes": ["0", "1"]})
    '2 classes'
    """
    if target["kind"] == "numbers":
        return f"one number each (mean {target['mean']:.4g}, spread {target['spread']:.4g})"
    return f"{len(target['classes'])} classes"


def space_text(config: dict[str, Any]) -> str:
    """The symmetries of the networks that are read, in words."""
    space = weight_space(config)
    groups = " x ".join(f"S{size}" for _, size in space.sizes) or "none: there are no hidden features"
    removed = {"relu": "scales", "tanh": "signs", "sine": "signs and phases"}.get(config["activation"])
    kept = removed is None or not config["network"]["symmetries"]
    return f"permutations {groups}; activation {config['activation']}{'' if kept else f', its {removed} removed'}"


def model_text(network: dict[str, Any]) -> str:
    """The architecture in words.

    >>> model_text({"name": "equivariant", "hidden": 32, "layers": 3})
    'equivariant, 3 layers of 32 channels'
    >>> model_text({"name": "message", "hidden": 64, "layers": 2})
    'message, 64 channels, perceptron of 2 layers'
    """
    if network["name"] == "statistics":
        return f"statistics, perceptron of {network['layers']} layers, {network['hidden']} wide"
    if network["name"] == "message":
        return f"message, {network['hidden']} channels, perceptron of {network['layers']} layers"
    return f"{network['name']}, {network['layers']} layers of {network['hidden']} channels"
