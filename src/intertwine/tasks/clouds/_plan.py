"""From options to a configuration: everything that is decided once, before training, and written into checkpoints."""

from __future__ import annotations

from collections import Counter
from typing import Any

from intertwine._errors import UsageError
from intertwine.data import ShapeSet, Split
from intertwine.tasks._options import share
from intertwine.tasks._source import resolve
from intertwine.tasks.clouds._clouds import CloudSet
from intertwine.tasks.clouds._encoders import describe_encoder
from intertwine.tasks.clouds._options import ShapeOptions
from intertwine.tasks.clouds._source import Sampling, describe_source, read

_CHANNELS = 128
_BEYOND = 1.2
"""The cutoff stands so far beyond the length of nearly every edge."""
_LOOKED_AT = 200


def plan(options: ShapeOptions, *, parts: bool) -> tuple[dict[str, Any], dict[str, Any], ShapeSet]:
    """Read, split, and decide what was left open.

    Args:
        options: What the user asked for, checked.
        parts: Whether the points must have parts.

    Returns:
        The configuration and the split, both JSON, and the clouds that were read, all draws of each.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source = resolve(options.data)
    sampling = Sampling.asked(options)
    shapes = read(source, sampling, parts=parts, strict=options.strict)
    amounts = {name: share(name, getattr(options, name)) for name in ("train", "validation", "test")}
    split = shapes.make_split(**amounts, seed=options.seed)
    _check_split(shapes, split, options.data)
    config = {
        "data": describe_source(options.data, source, shapes),
        "classes": list(shapes.class_names),
        "points": options.points,
        "draws": options.draws,
        "normals": options.normals,
        "vertical": options.vertical,
        "up": options.up,
        "encoder": describe_encoder(
            options.encoder,
            options.frame,
            group=options.group,
            layers=options.layers,
            levels=options.levels,
            hidden=options.hidden,
            width=options.width,
            neighbors=options.neighbors,
            cutoff=_cutoff(shapes, split, options.draws, options.neighbors),
        ),
        "model": {"channels": _CHANNELS, "hidden": _CHANNELS, "dropout": options.dropout},
        "augment": options.augment,
        "jitter": options.jitter,
        "smoothing": options.smoothing,
        "seed": options.seed,
    }
    return config, split.to_json(), shapes


def _cutoff(shapes: ShapeSet, split: Split, draws: int, neighbors: int) -> float:
    """A little more than the length of nearly every edge of some training clouds."""
    some = shapes.select(split.train[:_LOOKED_AT]).unfold(draws)
    return round(_BEYOND * CloudSet(some.positions, some.offsets, neighbors).reach(), 3)


def _check_split(shapes: ShapeSet, split: Split, given: str) -> None:
    """Raise if nothing is left to validate on, or a class has nothing to be learned from."""
    if not len(split.validation):
        raise UsageError(
            f"{given}: {len(shapes)} clouds in {len(shapes.class_names)} classes leave none to validate on, for each "
            "class keeps one to learn from; give more clouds"
        )
    learned = Counter(shapes.classes[split.train].tolist())
    missing = [name for place, name in enumerate(shapes.class_names) if not learned[place]]
    if missing:
        where = "its folder for training has none" if shapes.split is not None else "none is left"
        raise UsageError(f'{given}: {where} of class "{missing[0]}" to learn from; give more of them')
