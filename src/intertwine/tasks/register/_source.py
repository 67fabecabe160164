"""Shapes of a folder, from which pairs of views are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, iter_shapes
from intertwine.tasks._source import check_names

_FLAT = 1e-6
"""Points are on a line if their spread beside it is a smaller share of that along it."""
DENSITY = 12
"""Points that are sampled of a shape for each point of a view that a network matches."""


def read(
    source: str, points: int, seed: int, *, strict: bool = False, progress: ProgressCallback = no_progress
) -> PointCloudSet:
    """All shapes of a folder as clouds in the unit sphere; those that leave a rotation open are skipped.

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
    open_turn = [_leaves_a_turn_open(points) for points in shapes_of(clouds)]
    if all(open_turn):
        raise UsageError(f"{source}: the points of every shape are equal or on a line, so no rotation can be learned")
    skipped += [
        (name, "all points are equal or on a line") for name, left in zip(clouds.names, open_turn, strict=True) if left
    ]
    return replace(clouds.select(~torch.tensor(open_turn)), skipped=tuple(skipped))


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


def _leaves_a_turn_open(points: torch.Tensor) -> bool:
    """Whether points are equal or on a line, so that rotations about it change nothing."""
    centered = points - points.mean(0)
    _, middle, largest = torch.linalg.eigvalsh(centered.mT @ centered).tolist()
    return bool(middle <= _FLAT**2 * largest)
