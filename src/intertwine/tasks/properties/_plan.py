"""Configuration of a run from its options: what is decided once, before training, and kept in checkpoints."""

from __future__ import annotations

from typing import Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import QM9_TARGETS, PointCloudDataset, PointCloudSet, RadiusNeighbors, make_split
from intertwine.tasks._options import share
from intertwine.tasks._source import resolve
from intertwine.tasks.properties._composition import Pooling, fit_composition
from intertwine.tasks.properties._hidden import degree_of, hidden_for
from intertwine.tasks.properties._options import PropertiesOptions
from intertwine.tasks.properties._source import describe_source, read
from intertwine.tasks.properties._targets import PUBLIC, Target

_CHANNELS = 16


def plan(
    options: PropertiesOptions, progress: ProgressCallback = no_progress
) -> tuple[dict[str, Any], dict[str, Any], PointCloudSet]:
    """Read, split, and fill in defaults that depend on the data.

    Args:
        options: The options, checked.
        progress: Called while the data are read.

    Returns:
        The configuration and the split, both JSON, and the structures that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source, targets = resolve(options.data), options.targets
    structures = read(options.data, targets, progress)
    amounts = {name: share(name, getattr(options, name)) for name in ("train", "validation", "test")}
    split = make_split(len(structures), **amounts, seed=options.seed)
    train = structures.select(split.train)
    hidden = options.hidden or hidden_for(targets)
    config = {
        "data": describe_source(options.data, source, len(structures)),
        "targets": [target.to_json() | {"pool": _pool(target, options, train, source)} for target in targets],
        "elements": list(train.distinct("numbers")),
        "encoder": {
            "rep_in": f"{_CHANNELS}x0e",
            "layer": options.encoder,
            "hidden": hidden,
            "layers": options.layers,
            "lmax": degree_of(hidden),
            "cutoff": options.cutoff,
            "avg_num_neighbors": _neighbors(train, options.cutoff),
        },
        "augment": options.augment,
        "seed": options.seed,
    }
    return config, split.to_json(), structures


def _pool(target: Target, options: PropertiesOptions, train: PointCloudSet, source: str) -> Pooling:
    """The option, else what is known of the public set, else the composition fit with the smaller residual."""
    if options.pool is not None:
        return "mean" if options.pool == "mean" else "sum"
    if source in PUBLIC:
        return "sum" if QM9_TARGETS[target.name].extensive else "mean"
    counts = train.composition(train.distinct("numbers"))
    return fit_composition(counts, train.cloud_fields[target.name], target).pool


def _neighbors(train: PointCloudSet, cutoff: float) -> float:
    """Mean number of neighbors in the first thousand structures, at least one; it sets the scale of messages."""
    some = PointCloudDataset(train.select(range(min(len(train), 1000))), RadiusNeighbors(cutoff))
    return round(max(1.0, some.avg_num_neighbors), 2)
