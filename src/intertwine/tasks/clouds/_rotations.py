"""Random rotations of clouds: none, about the vertical, or Haar-random."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.clouds._choices import AXES, ROTATIONS


def random_rotations(normals: Tensor, kind: str, up: str) -> Tensor:
    """Random rotations from four standard normal numbers each.

    A normal quaternion, normalized, is a Haar-random rotation; one with only the real part and that along the vertical
    axis is a rotation about it by a uniform angle.

    Args:
        normals: (B, 4), standard normal, float64.
        kind: One of `ROTATIONS`.
        up: The vertical axis, one of `AXES`.

    Returns:
        (B, 3, 3).

    Raises:
        ValueError: Another kind.

    >>> random_rotations(torch.ones(1, 4, dtype=torch.float64), "z", "z")[0].round().tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if kind not in ROTATIONS:
        raise ValueError(f"a kind of rotation is one of {', '.join(ROTATIONS)}; got {kind!r}")
    mask = torch.ones(4, dtype=normals.dtype)
    if kind != "SO3":
        mask[1:] = 0
    if kind == "z":
        mask[1 + AXES.index(up)] = 1
    return quaternion_rotations(normals * mask)
