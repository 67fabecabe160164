"""How well motions lay one surface onto another, and where they contradict it."""

from __future__ import annotations

import numpy as np

from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._surfels import Surfels

_SAME_NORMAL = 0.7


def covered(first: Surfels, second: Surfels, motions: Motions, distance: float) -> Floats:
    """How near each moved point is to the other surface: ``(S, N)``, 1 on it, 0 beyond ``distance``.

    The value is 1 - (gap / distance)^2 where the normals are within 45 degrees of each other, else 0.
    """
    moved = motions.apply(first.points)
    turned = first.normals @ motions.rotations.transpose(0, 2, 1)
    gaps, rows = second.tree.query(moved.reshape(-1, 3), distance_upper_bound=distance)
    found = np.isfinite(gaps)
    normals = second.normals[np.where(found, rows, 0)].reshape(moved.shape)
    alike = np.abs(np.einsum("sni,sni->sn", normals, turned)) > _SAME_NORMAL
    near = 1 - (np.where(found, gaps, distance) / distance).reshape(alike.shape) ** 2
    return np.where(alike, near, 0.0)


def contradicted(first: Surfels, second: Surfels, motions: Motions, distance: float, reach: float) -> Floats:
    """The share of the moved points that contradict the other surface: ``(S,)``.

    Two parts of one surface end only at their borders. A point that is not covered, as `covered` has it, may lie beyond
    the border of the other part: then the nearest of its points is on that border. Where the nearest point, within
    ``reach``, is in the interior instead, the two surfaces diverge, and the motion is not right.
    """
    moved = motions.apply(first.points)
    turned = first.normals @ motions.rotations.transpose(0, 2, 1)
    gaps, rows = second.tree.query(moved.reshape(-1, 3), distance_upper_bound=reach)
    gaps, found = gaps.reshape(moved.shape[:2]), np.isfinite(gaps)
    rows = np.where(found, rows, 0)
    alike = np.abs(np.einsum("sni,sni->sn", second.normals[rows].reshape(moved.shape), turned)) > _SAME_NORMAL
    inside = (found & second.interior[rows]).reshape(gaps.shape)
    shares: Floats = (inside & ~(alike & (gaps < distance))).mean(axis=1)
    return shares
