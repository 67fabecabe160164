"""Shapes of a folder, from which pairs of views are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, iter_shapes
from intertwine.tasks._source import check_names

DENSITY = 12
"""Points that are sampled of a shape for each point of a view that a network matches."""


def read(
    source: str, points: int, seed: int, *, strict: bool = False, progress: ProgressCallback = no_progress
) -> PointCloudSet:
    """All shapes of a folder as clouds in the unit sphere; those without extent are skipped.

    Args:
        source: The folder, or a file.
        points: Points of each view that a network matches; `DENSITY` times as many are sampled.
        seed: Of the samples.
        strict: Whether a file that cannot be read is an error.
        progress: Called with how many files are read, of how many.

    Raises:
        UsageError: There are no shapes.
    """
    parts: list[PointCloudSet] = []
    skipped: list[tuple[str, str]] = []
    for chunk in iter_shapes(source, DENSITY * points, seed, strict=strict, progress=progress):
        parts.append(chunk.clouds.select_fields())
        skipped += chunk.clouds.skipped
    clouds = PointCloudSet.concatenate(parts)
    spread = clouds.positions.abs().amax(1).new_zeros(len(clouds))
    spread = spread.scatter_reduce(0, clouds.batch, clouds.positions.abs().amax(1), "amax")
    flat = [clouds.names[k] for k in (spread == 0).nonzero()[:, 0].tolist()]
    if len(flat) == len(clouds):
        raise UsageError(f"{source}: every cloud consists of equal points, so there is no shape to learn from")
    skipped += [(name, "all points are equal") for name in flat]
    return replace(clouds.select(spread > 0), skipped=tuple(skipped))


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> PointCloudSet:
    """The shapes that a run was begun with.

    Raises:
        UsageError: They are gone, or others.
    """
    data = config["data"]
    clouds = read(data["source"], config["pairs"]["points"], config["seed"], progress=progress)
    check_names(data, clouds.names, "shapes")
    return clouds


def shapes_of(clouds: PointCloudSet) -> list[torch.Tensor]:
    """The points of each cloud, ``(P, 3)`` float64."""
    return list(clouds.positions.double().split(clouds.counts.tolist()))
