"""Description of a run on images: its data and its network, in lines and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertwine.tasks._description import data_line


def describe(job: Any, folder: Path) -> list[tuple[str, str]]:
    """What was read and split, what was done to the files, and by how many parameters it is learned.

    Args:
        job: The job.
        folder: The folder of the run.

    Returns:
        Lines as (label, text).
    """
    data, layout = job.config["data"], job.config["layout"]
    side = f"{layout['size']} x {layout['size']} {'gray' if layout['channels'] == 1 else 'color'}"
    what = f"{data['images']:,} images, {side}, {target_text(job.config['target'])}"
    lines = [data_line(data, what, job.split, folder)]
    if data["remarks"]:
        lines.append(("images", "; ".join(data["remarks"])))
    parameters = sum(parameter.numel() for parameter in job.model.parameters())
    changes = f", images changed at random: {', '.join(job.config['augment'])}" if job.config["augment"] else ""
    return [*lines, ("network", f"{network_text(job.config['network'])}, {parameters:,} parameters{changes}")]


def target_text(target: dict[str, Any]) -> str:
    """What is predicted, in words.

    >>> target_text({"kind": "masks", "classes": ["sky", "sea"]})
    'masks of 2 classes'
    """
    if target["kind"] == "numbers":
        return f"one number each (mean {target['mean']:.4g}, spread {target['spread']:.4g})"
    return f"{'masks of ' if target['kind'] == 'masks' else ''}{len(target['classes'])} classes"


def network_text(network: dict[str, Any]) -> str:
    """The architecture in words.

    >>> network_text({"name": "gcnn", "group": "D16", "restriction": ["C16", 5], "widths": [8, 8], "kernel_size": 5})
    'gcnn of D16, C16 after layer 5, fields 8, 8, filters 5'
    """
    group = "" if network["name"] == "plain" else f" of {network['group']}"
    after = "" if network["restriction"] is None else ", {} after layer {}".format(*network["restriction"])
    kernels = network["kernel_size"]
    filters = ", ".join(map(str, kernels)) if isinstance(kernels, list) else str(kernels)
    return f"{network['name']}{group}{after}, fields {', '.join(map(str, network['widths']))}, filters {filters}"
