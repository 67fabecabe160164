"""Grids of SO(3) of known covering radius: a body-centered cubic lattice around each octahedral rotation."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.groups import Octahedral

STRETCH = (1.0, 0.76, 1.04, 1.14, 1.04, 1.04, 1.04)
"""Factor of the lattice's spacing at each level, chosen for a small covering radius."""


class RotationGrid(NamedTuple):
    """Rotations ``(K, 3, 3)`` in float64, and the largest angle in radians from a rotation to the nearest of them."""

    rotations: Tensor
    covering_radius: float


def rotation_grid(level: int) -> RotationGrid:
    r"""A grid of SO(3) that the 24 octahedral rotations map to itself, and its covering radius.

    The rotations nearest to the identity among the octahedral ones are the truncated cube
    :math:`|\rho_i| \le \tan(\pi/8), \sum |\rho_i| \le 1` of Rodrigues vectors :math:`\rho = \tan(\omega/2)\, n`. It is
    filled with :math:`\rho_i = \tan(\delta k_i)`, the integers :math:`k_i` all even or all odd, at most the level: a
    body-centered cubic lattice, which the octahedral rotations carry over SO(3).

    ===== ========= ===============
    level rotations covering radius
    ===== ========= ===============
    0     24        62.8 degrees
    1     216       38.2 degrees
    2     648       20.9 degrees
    3     1,992     16.3 degrees
    4     4,344     12.4 degrees
    5     7,416     11.0 degrees
    6     12,648    8.8 degrees
    ===== ========= ===============

    Args:
        level: 0 to 6.

    Returns:
        The rotations, ``(K, 3, 3)``, the identity among them, and the covering radius in radians.

    Raises:
        UsageError: If the level is out of range.

    Law:
        ``G @ grid.rotations`` is the same set for each octahedral rotation G.

    Cost:
        The covering radius takes a convex hull in four dimensions; each level is computed once.

    References:
        Karney, Quaternions in molecular modeling, 2007, section on orientation sets.

    Example:
        >>> grid = rotation_grid(1)
        >>> grid.rotations.shape[0], round(math.degrees(grid.covering_radius), 1)
        (216, 38.2)
    """
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level < len(STRETCH):
        raise UsageError(f"rotation_grid expects a level from 0 to {len(STRETCH) - 1}, got {level!r}")
    rotations, radius = _grid(level)
    return RotationGrid(rotations.clone(), radius)


def covering_radius(rotations: Tensor) -> float:
    r"""The largest angle from a rotation to the nearest of the given ones, in radians.

    The unit quaternions :math:`\pm q` are points of the sphere in four dimensions, and a facet of their convex hull at
    distance :math:`d` from the origin is the base of an empty cap of half-angle :math:`\arccos d`. The angle between
    rotations is twice that between quaternions, so the covering radius is :math:`2 \arccos \min d`.

    Args:
        rotations: ``(K, 3, 3)``, at least four whose quaternions are linearly independent.

    Returns:
        The angle in radians.

    Raises:
        UsageError: If the rotations leave a half-space of quaternions empty.

    Example:
        >>> round(math.degrees(covering_radius(Octahedral().elements)), 1)
        62.8
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.transform import Rotation

    quaternions = torch.as_tensor(Rotation.from_matrix(rotations.detach().double().numpy()).as_quat())
    points = torch.cat([quaternions, -quaternions]).numpy()
    if torch.linalg.matrix_rank(quaternions) < 4:
        raise UsageError("covering_radius expects rotations whose quaternions span four dimensions")
    nearest = float(-ConvexHull(points).equations[:, -1].max())
    return 2 * math.acos(min(1.0, nearest))


@cache
def _grid(level: int) -> tuple[Tensor, float]:
    from scipy.spatial.transform import Rotation

    lattice = torch.arange(-level, level + 1)
    k = torch.cartesian_prod(lattice, lattice, lattice)
    parity = k.remainder(2)
    k = k[(parity == parity[:, :1]).all(1)].double()
    rodrigues = torch.tan(k * STRETCH[level] * (math.pi / 8) / (level + 0.5))
    inside = (rodrigues.abs().amax(1) <= math.tan(math.pi / 8)) & (rodrigues.abs().sum(1) <= 1)
    rodrigues = rodrigues[inside]
    quaternions = torch.cat([rodrigues, torch.ones(len(rodrigues), 1, dtype=torch.float64)], dim=1)
    cell = torch.as_tensor(Rotation.from_quat(quaternions.numpy()).as_matrix())
    rotations = (Octahedral().elements.double()[:, None] @ cell).reshape(-1, 3, 3)
    return rotations, covering_radius(rotations)
