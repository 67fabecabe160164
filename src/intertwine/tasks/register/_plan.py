"""Configuration of a run on registration from its options: what is decided once, before training."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.data import PointCloudSet, make_split
from intertwine.tasks._example_split import split_examples
from intertwine.tasks._source import names_digest, resolve
from intertwine.tasks.register._options import DENSE, RegisterOptions
from intertwine.tasks.register._pairs import collate, draw_pairs
from intertwine.tasks.register._source import read, shapes_of

_CUTOFF_MARGIN, _CUTOFF_SHAPES = 1.2, 32


def plan(options: RegisterOptions, progress: ProgressCallback) -> tuple[dict[str, Any], dict[str, Any], PointCloudSet]:
    """Read, split, and fill in what depends on the data.

    Args:
        options: The options, checked.
        progress: Called with how many files are read, of how many.

    Returns:
        The configuration and the split, both JSON, and the shapes.

    Raises:
        UsageError: The shapes are not what was expected.
    """
    source = resolve(options.data)
    clouds = read(source, options.points, options.seed, strict=options.strict, progress=progress)
    if len(clouds) < 3:
        raise UsageError(
            f"{options.data}: {len(clouds)} shape{'s' * (len(clouds) != 1)}; expected at least 3: to train, to "
            "validate and to test on"
        )
    split = split_examples(options, clouds.names, partial(make_split, len(clouds)))
    for part, what in ((split.train, "train"), (split.validation, "validate")):
        if not len(part):
            raise UsageError(f"{options.data}: {len(clouds)} shapes leave none to {what} on; give more of them")
    neighbors = 0 if options.encoder == DENSE else options.neighbors
    pairs = {
        "points": options.points,
        "overlap": options.overlap,
        "noise": options.noise,
        "per_shape": options.pairs,
    }
    config: dict[str, Any] = {
        "data": {
            "given": options.data,
            "source": source,
            "shapes": len(clouds),
            "names_sha256": names_digest(clouds.names),
            "skipped": [list(pair) for pair in clouds.skipped],
        },
        "network": {
            "encoder": options.encoder,
            "hidden": options.hidden,
            "layers": options.layers,
            "neighbors": neighbors,
            "cutoff": _cutoff(clouds.select(split.train[:_CUTOFF_SHAPES]), pairs, neighbors),
            "blocks": options.blocks,
            "superpoints": options.superpoints,
        },
        "pairs": pairs,
        "seed": options.seed,
    }
    return config, split.to_json(), clouds


def _cutoff(clouds: PointCloudSet, settings: dict[str, Any], neighbors: int) -> float:
    """A little more than the length of nearly every edge of some training pairs; 1 without edges."""
    if not neighbors:
        return 1.0
    pairs = draw_pairs(shapes_of(clouds), torch.arange(len(clouds)), 0, settings)
    _, positions, edges, *_ = collate(pairs, settings["points"], neighbors).first
    if not edges.shape[1]:
        return 1.0
    lengths = (positions[edges[0]] - positions[edges[1]]).norm(dim=1).sort().values
    return round(_CUTOFF_MARGIN * float(lengths[int(0.99 * (len(lengths) - 1))]), 3) or 1.0
