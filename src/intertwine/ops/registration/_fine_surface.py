"""A surface at the full resolution of its cloud: tangent planes, and how far its points are from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from intertwine.ops.registration._icp import closest_pairs, small_motion
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._surfels import Surfels

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_NEIGHBORS = 12
_MOST_POINTS = 15_000
_FEW = 50
_NARROWEST = 0.05
"""The least width of the loss, as a share of the largest distance of a pair."""
_NEAREST = 1 / 3
"""The least reach, as a share of the same."""
_ACROSS = 0.005
"""Weight of the displacement across the normals: keeps planes and spheres from sliding."""
_FLOOR = 0.02
"""The least roughness, in spacings of the thinned surfaces."""


class FineSurface(NamedTuple):
    """Points ``(N, 3)`` with the plane through the 12 nearest ones, and their k-d tree.

    ``normals``: of the planes, of any sign. ``roughness``: ``(N,)``, the root mean square distance of the neighbors
    from the plane: noise and curvature.
    """

    points: Floats
    normals: Floats
    roughness: Floats
    tree: cKDTree

    def roughness_at(self, points: Floats) -> Floats:
        """That of the nearest point, ``(M,)``."""
        values: Floats = self.roughness[self.tree.query(points)[1]]
        return values


def fine_surface(points: Floats, spacing: float) -> FineSurface:
    """The planes at the points of a cloud, of at most 15,000 of them at equal steps.

    Args:
        points: ``(N, 3)``.
        spacing: Of the thinned surface; the least roughness is 2 % of it. Of at most 50 points, which tell no plane, it
            is the spacing.
    """
    from scipy.spatial import cKDTree

    points = points[:: -(-len(points) // _MOST_POINTS)]
    tree = cKDTree(points)
    size = min(_NEIGHBORS, len(points))
    near = points[tree.query(points, k=size)[1].reshape(len(points), size)]
    near = near - near.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(near.transpose(0, 2, 1) @ near / size)
    roughness = np.sqrt(np.maximum(variances[:, 0], 0)) + _FLOOR * spacing
    if len(points) <= _FEW:
        roughness = np.full(len(points), spacing)
    return FineSurface(points, axes[:, :, 0], roughness, tree)


def plane_residuals(points: Floats, roughness: Floats, surface: FineSurface, motions: Motions) -> Floats:
    """Distances of moved points from the nearest tangent plane, in units of the roughness of both: ``(S, N)``.

    Args:
        points: ``(N, 3)``.
        roughness: ``(N,)``, of their own surface.
        surface: The other surface.
        motions: ``S`` of them.
    """
    moved = motions.apply(points)
    rows = surface.tree.query(moved.reshape(-1, 3))[1].reshape(moved.shape[:2])
    offsets = np.abs(np.einsum("sni,sni->sn", surface.normals[rows], moved - surface.points[rows]))
    residuals: Floats = offsets / (surface.roughness[rows] + roughness)
    return residuals


def fit_planes(
    first: Surfels, surface: FineSurface, rotation: Floats, translation: Floats, distance: float, steps: int
) -> tuple[Floats, Floats]:
    r"""A motion improved by the distances to the tangent planes of the full cloud, with a robust loss.

    Points count with the weights

    .. math:: w = \Bigl(1 - \frac{g^2}{d^2}\Bigr)^2 \Bigl(1 + \frac{r^2}{s^2}\Bigr)^{-2}

    for a gap g to the nearest point, if its normal has nearly the same direction, and a distance r from its plane. The
    width s is half of ``distance`` at first and half as wide after each step, down to 5 % of it, but never less than
    three times the median of all r; the reach d shrinks from ``distance`` to a third: a point beyond the border is in
    the plane of its nearest, but pulls it inwards. With fewer than 50 points the motion stays as it is.

    Args:
        first: The surface that moves.
        surface: The one that stays.
        rotation: ``(3, 3)``, where to begin.
        translation: ``(3,)``.
        distance: The largest distance of a pair.
        steps: The most steps; fewer where the motion comes to rest.

    Returns:
        The rotation and the translation.

    Law: with the points moved by g and the surface by h, the motion becomes h motion g^-1.
    """
    center = surface.points.mean(axis=0)
    for k in range(steps):
        reach = distance * max(0.5 ** (k / 2), _NEAREST)
        points, targets, normals, gaps = closest_pairs(first, surface, rotation, translation, reach)
        if len(points) < _FEW:
            break
        offsets = np.abs(np.einsum("pi,pi->p", normals, points - targets))
        width = max(3 * float(np.median(offsets)), distance * max(0.5 ** (k + 1), _NARROWEST))
        weights = ((1 - (gaps / reach) ** 2) / (1 + (offsets / width) ** 2)) ** 2
        step = small_motion(points - center, targets - center, normals, weights, _ACROSS)
        turn, shift = step[:3, :3], step[:3, 3] + center - step[:3, :3] @ center
        rotation, translation = turn @ rotation, turn @ translation + shift
        if 0.5**k < _NARROWEST and np.abs(step - np.eye(4)).max() < 1e-9 * min(distance, 1.0):
            break
    left, _, right = np.linalg.svd(rotation)
    return left @ right, translation
