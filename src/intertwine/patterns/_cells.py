"""Cells of plane lattices: two vectors, the columns of a 2 x 2 matrix, in pixels with x to the right and y down."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SYSTEMS = ("oblique", "rectangular", "centered", "square", "hexagonal")
"""The five Bravais lattices of the plane."""

_SHAPES = {
    "oblique": (1.0, 1.18, 107.0),
    "rectangular": (1.0, 1.32, 90.0),
    "centered": (1.0, 1.0, 73.0),
    "square": (1.0, 1.0, 90.0),
    "hexagonal": (1.0, 1.0, 120.0),
}


def cell_of(
    system: str, size: float = 1.0, turn: float = 0.0, *, ratio: float | None = None, angle: float | None = None
) -> Tensor:
    """A cell ``(2, 2)`` of a lattice system, float64; its columns are the lattice vectors a and b.

    Args:
        system: One of ``SYSTEMS``; a centered rectangular lattice gets its primitive rhombus.
        size: The square root of the area of the cell.
        turn: How far a is turned from the first axis, in degrees.
        ratio: |b| / |a|, where the system leaves it free.
        angle: From a to b in degrees, where the system leaves it free.

    Raises:
        ValueError: If the system is unknown, or a ratio or angle is given that it does not leave free.
    """
    if system not in _SHAPES:
        raise ValueError(f"lattices are {', '.join(SYSTEMS)}, got {system!r}")
    if (ratio is not None and system not in ("oblique", "rectangular")) or (
        angle is not None and system not in ("oblique", "centered")
    ):
        raise ValueError(f"a {system} lattice leaves this shape no freedom: ratio {ratio}, angle {angle}")
    a, b, gamma = _SHAPES[system]
    b = b if ratio is None else ratio
    gamma = math.radians(gamma if angle is None else angle)
    start = math.radians(turn)
    first = [a * math.cos(start), a * math.sin(start)]
    second = [b * math.cos(start + gamma), b * math.sin(start + gamma)]
    cell = torch.tensor([first, second], dtype=torch.float64).T
    return cell * (size / math.sqrt(a * b * math.sin(gamma)))


def reduced(cell: Tensor) -> Tensor:
    """The reduced cell of the same lattice: the two shortest vectors, at 90 to 120 degrees, right-handed.

    Args:
        cell: ``(2, 2)``, columns are lattice vectors.

    Reference:
        Lagrange and Gauss: subtract the shorter vector from the longer one until nothing gets shorter.
    """
    a, b = cell[:, 0], cell[:, 1]
    while True:
        if float(a @ a) > float(b @ b):
            a, b = b, a
        times = torch.round((a @ b) / (a @ a))
        shorter = b - times * a
        # A tie must not go round in circles.
        if float(shorter @ shorter) >= float(b @ b) * (1 - 1e-12):
            break
        b = shorter
    if float(a @ b) > 0:
        b = -b
    result = torch.stack([a, b], -1)
    return result if float(torch.linalg.det(result)) > 0 else result.flip(-1)


def shape(cell: Tensor) -> tuple[float, float, float]:
    """The lengths of a and b and the angle between them in degrees."""
    a, b = cell[:, 0], cell[:, 1]
    lengths = float(a.norm()), float(b.norm())
    cosine = float(a @ b) / (lengths[0] * lengths[1])
    return *lengths, math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
