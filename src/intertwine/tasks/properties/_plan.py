"""From options to a configuration: everything that is decided once, before training, and written into checkpoints."""

from __future__ import annotations

from typing import Any

from intertwine.data import QM9_TARGETS, Structures, StructureSet, make_split
from intertwine.tasks._options import share
from intertwine.tasks._source import resolve
from intertwine.tasks.properties._composition import Pooling, fit_composition
from intertwine.tasks.properties._hidden import degree_of, hidden_for
from intertwine.tasks.properties._options import PropertiesOptions
from intertwine.tasks.properties._source import describe_source, read
from intertwine.tasks.properties._targets import PUBLIC, Target

_CHANNELS = 16


def plan(options: PropertiesOptions) -> tuple[dict[str, Any], dict[str, Any], Structures]:
    """Read, split, and decide what was left open.

    Args:
        options: What the user asked for, checked.

    Returns:
        The configuration and the split, both JSON, and the structures that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source, targets = resolve(options.data), options.targets
    structures = read(options.data, targets)
    amounts = {name: share(name, getattr(options, name)) for name in ("train", "validation", "test")}
    split = make_split(len(structures), **amounts, seed=options.seed)
    train = structures.select(split.train)
    hidden = options.hidden or hidden_for(targets)
    config = {
        "data": describe_source(options.data, source, len(structures)),
        "targets": [target.to_json() | {"pool": _pool(target, options, train, source)} for target in targets],
        "elements": list(train.elements),
        "encoder": {
            "rep_in": f"{_CHANNELS}x0e",
            "layer": options.encoder,
            "hidden": hidden,
            "layers": options.layers,
            "lmax": degree_of(hidden),
            "cutoff": options.cutoff,
            "neighbors": _neighbors(train, options.cutoff),
        },
        "augment": options.augment,
        "seed": options.seed,
    }
    return config, split.to_json(), structures


def _pool(target: Target, options: PropertiesOptions, train: Structures, source: str) -> Pooling:
    """What the user said, else what is known of the public set, else the composition fit that leaves less."""
    if options.pool is not None:
        return "mean" if options.pool == "mean" else "sum"
    if source in PUBLIC:
        return "sum" if QM9_TARGETS[target.name].extensive else "mean"
    counts = train.composition(train.elements)
    return fit_composition(counts, train.targets[target.name], target).pool


def _neighbors(train: Structures, cutoff: float) -> float:
    """Mean number of neighbors in the first thousand structures, at least one; it sets the scale of messages."""
    some = StructureSet(train.select(range(min(len(train), 1000))), cutoff)
    return round(max(1.0, some.mean_neighbors), 2)
