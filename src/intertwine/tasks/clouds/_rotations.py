"""Rotations of clouds, drawn and listed: about the vertical, or any."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.clouds._choices import AXES, TURNS


def rotations_from(draws: Tensor, turn: str, up: str) -> Tensor:
    """Random rotations from four standard normal numbers each.

    A normal quaternion, normalized, is a Haar-random rotation; one with only the real part and that along the vertical
    axis is a rotation about it by a uniform angle.

    Args:
        draws: (B, 4), standard normal, float64.
        turn: One of `TURNS`.
        up: The vertical axis, one of `AXES`.

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: Another turn.

    >>> rotations_from(torch.ones(1, 4, dtype=torch.float64), "z", "z")[0].round().tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if turn not in TURNS:
        raise ValueError(f"a turn is one of {', '.join(TURNS)}; got {turn!r}")
    kept = torch.ones(4, dtype=draws.dtype)
    if turn != "SO3":
        kept[1:] = 0
    if turn == "z":
        kept[1 + AXES.index(up)] = 1
    return quaternion_rotations(draws * kept)
