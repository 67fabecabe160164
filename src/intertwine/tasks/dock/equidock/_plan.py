"""Configuration of a run on docking from its options: what is decided once, before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._source import check_names, names_digest, resolve
from intertwine.tasks.dock.equidock._complexes import ComplexSet, read_complexes, split_complexes
from intertwine.tasks.dock.equidock._options import DockOptions


def plan(options: DockOptions, progress: ProgressCallback) -> tuple[dict[str, Any], dict[str, Any], ComplexSet]:
    """Read and split.

    Args:
        options: The options, checked.
        progress: Called with how many complexes are read, of how many.

    Returns:
        The configuration and the split, both JSON, and the complexes.

    Raises:
        UsageError: The complexes are not what was expected.
    """
    source = resolve(options.data)
    complexes = read_complexes(Path(source), strict=options.strict, progress=progress)
    if len(complexes) < 3:
        raise UsageError(
            f"{options.data}: {len(complexes)} complex{'es' * (len(complexes) != 1)}; expected at least 3: to train, "
            "to validate and to test on"
        )
    split, origin = split_complexes(Path(source), complexes, options.shares, options.seed, options.group_by)
    for part, what in ((split.train, "train"), (split.validation, "validate")):
        if not len(part):
            raise UsageError(f"{options.data}: {len(complexes)} complexes leave none to {what} on; give more of them")
    config: dict[str, Any] = {
        "data": {
            "given": options.data,
            "source": source,
            "complexes": len(complexes),
            "names_sha256": names_digest(complexes.names),
            "skipped": [list(pair) for pair in complexes.skipped],
            "split": origin,
        },
        "network": {
            "hidden": options.hidden,
            "layers": options.layers,
            "keypoints": options.keypoints,
            "neighbors": options.neighbors,
            "dropout": options.dropout,
        },
        "noise": options.noise,
        "loss": {
            "keypoints": options.keypoint_weight,
            "intersection": options.intersection_weight,
            "sites": options.site_weight,
        },
        "seed": options.seed,
    }
    return config, split.to_json(), complexes


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> ComplexSet:
    """The complexes that a run was begun with.

    Raises:
        UsageError: They are gone, or others.
    """
    data = config["data"]
    complexes = read_complexes(Path(data["source"]), progress=progress)
    check_names(data, complexes.names, "complexes")
    return complexes
