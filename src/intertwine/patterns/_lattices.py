"""Cells of plane lattices: two lattice vectors, the columns of a 2 x 2 matrix, in pixels with x right and y down."""

from __future__ import annotations

import math

import torch
from torch import Tensor

PLANE_LATTICES = ("oblique", "rectangular", "centered", "square", "hexagonal")
"""The five Bravais lattices of the plane."""

_DEFAULT_PARAMETERS = {
    "oblique": (1.0, 1.18, 107.0),
    "rectangular": (1.0, 1.32, 90.0),
    "centered": (1.0, 1.0, 73.0),
    "square": (1.0, 1.0, 90.0),
    "hexagonal": (1.0, 1.0, 120.0),
}


def lattice_cell(
    lattice: str, size: float = 1.0, rotation: float = 0.0, *, ratio: float | None = None, angle: float | None = None
) -> Tensor:
    """A primitive cell ``(2, 2)`` of a Bravais lattice, float64, whose columns are the lattice vectors a and b.

    Args:
        lattice: One of ``PLANE_LATTICES``; the primitive cell of "centered" is a rhombus.
        size: The square root of the area of the cell.
        rotation: Angle of a from the first axis, in degrees.
        ratio: |b| / |a|, if the lattice leaves it free.
        angle: Angle from a to b in degrees, if the lattice leaves it free.

    Raises:
        ValueError: If the lattice is unknown, or a ratio or angle is given that it fixes.
    """
    if lattice not in _DEFAULT_PARAMETERS:
        raise ValueError(f"lattices are {', '.join(PLANE_LATTICES)}, got {lattice!r}")
    if (ratio is not None and lattice not in ("oblique", "rectangular")) or (
        angle is not None and lattice not in ("oblique", "centered")
    ):
        raise ValueError(f"a {lattice} lattice leaves this shape no freedom: ratio {ratio}, angle {angle}")
    a, b, gamma = _DEFAULT_PARAMETERS[lattice]
    b = b if ratio is None else ratio
    gamma = math.radians(gamma if angle is None else angle)
    start = math.radians(rotation)
    first = [a * math.cos(start), a * math.sin(start)]
    second = [b * math.cos(start + gamma), b * math.sin(start + gamma)]
    cell = torch.tensor([first, second], dtype=torch.float64).T
    return cell * (size / math.sqrt(a * b * math.sin(gamma)))


def reduced_cell(cell: Tensor) -> Tensor:
    """The reduced cell of a lattice: its two shortest vectors, at 90 to 120 degrees, right-handed.

    Args:
        cell: ``(2, 2)``, columns are lattice vectors.

    Reference:
        Lagrange-Gauss reduction: subtract multiples of the shorter vector until neither gets shorter.
    """
    a, b = cell[:, 0], cell[:, 1]
    while True:
        if float(a @ a) > float(b @ b):
            a, b = b, a
        times = torch.round((a @ b) / (a @ a))
        shorter = b - times * a
        # A tie must not loop forever.
        if float(shorter @ shorter) >= float(b @ b) * (1 - 1e-12):
            break
        b = shorter
    if float(a @ b) > 0:
        b = -b
    result = torch.stack([a, b], -1)
    return result if float(torch.linalg.det(result)) > 0 else result.flip(-1)


def lattice_parameters(cell: Tensor) -> tuple[float, float, float]:
    """The lattice parameters of a cell: the lengths of a and b and the angle between them in degrees."""
    a, b = cell[:, 0], cell[:, 1]
    lengths = float(a.norm()), float(b.norm())
    cosine = float(a @ b) / (lengths[0] * lengths[1])
    return *lengths, math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
