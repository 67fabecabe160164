"""Two clouds made ready for registration: outliers removed, evenly thinned to one spacing, with normals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine.ops.registration._normals import estimate_normals
from intertwine.ops.registration._sampling import Floats, packing_spacing, poisson_disk_subset, surface_area

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_MOST_POINTS = 30_000
_TARGET = 3000
_FEW = 50
_KEPT_BY_THINNING = 0.6
_MOST_RATIO = 2.0
_LEAST_NEIGHBORS = 4
_NEIGHBORS = 8
_FAR = 3.0
_RING = 16
_BORDER = 0.25
_FLAT = 0.03
"""The least variance across a plane, relative to the largest along it, of points that are on none."""


class Surfels(NamedTuple):
    """Points ``(N, 3)`` with normals ``(N, 3)`` up to sign, and their k-d tree.

    ``interior``, for the rows of the tree: whether the surface goes on in all directions about the point.
    """

    points: Floats
    normals: Floats
    tree: cKDTree
    interior: npt.NDArray[np.bool_]

    def every(self, count: int) -> Surfels:
        """About ``count`` of them, taken at equal steps; the tree stays that of all."""
        step = max(1, len(self.points) // count)
        return Surfels(self.points[::step], self.normals[::step], self.tree, self.interior)


def random_rows(points: Floats, most: int = _MOST_POINTS) -> Floats:
    """At most so many of the points, drawn by their row numbers, in order."""
    if len(points) <= most:
        return points
    return points[np.sort(np.random.RandomState(0).permutation(len(points))[:most])]


def without_outliers(points: Floats) -> Floats:
    """The points without those that are far from their neighbors and not on a common plane with them.

    Far is three times the distance that a quarter of all points have to their 8th neighbor.
    """
    from scipy.spatial import cKDTree

    if len(points) <= _FEW:
        return points
    gaps, rows = cKDTree(points).query(points, k=_NEIGHBORS + 1)
    suspects = np.flatnonzero(gaps[:, -1] > _FAR * np.quantile(gaps[:, -1], 0.25))
    near = points[rows[suspects]]
    near = near - near.mean(axis=1, keepdims=True)
    spread = np.linalg.eigvalsh(near.transpose(0, 2, 1) @ near)
    outliers = suspects[spread[:, 0] > _FLAT * spread[:, 2]]
    return np.delete(points, outliers, axis=0) if len(outliers) < 0.7 * len(points) else points


def natural_spacing(points: Floats) -> float:
    """The spacing at which an evenly thinned cloud keeps about 3,000 points, or 60 % of them where it has fewer.

    Clouds of at most 50 points are not thinned: theirs is half the median distance to the nearest point.
    """
    from scipy.spatial import cKDTree

    if 1 < len(points) <= _FEW:
        return float(np.median(cKDTree(points).query(points, k=2)[0][:, 1])) / 2
    area = surface_area(points, cKDTree(points))
    return packing_spacing(area, min(_TARGET, max(int(_KEPT_BY_THINNING * len(points)), 1)))


def common_spacing(first: float, second: float) -> float:
    """The larger spacing, but at most twice the smaller one."""
    low, high = sorted((first, second))
    return min(high, _MOST_RATIO * low) if low > 0 else high


def surfels(points: Floats, spacing: float) -> Surfels:
    """The cloud thinned to a spacing, without points that have almost no neighbors, and its normals."""
    from scipy.spatial import cKDTree

    kept = points if len(points) <= _FEW else points[poisson_disk_subset(points, spacing)]
    tree = cKDTree(kept)
    if len(kept) > _FEW:
        crowded = tree.query(kept, k=_LEAST_NEIGHBORS + 1)[0][:, -1] < 2.5 * spacing
        if crowded.mean() > 0.5 and not crowded.all():
            kept = kept[crowded]
            tree = cKDTree(kept)
    normals = estimate_normals(kept, tree, kept)
    return Surfels(kept, normals, tree, interior_points(kept, normals, tree))


def interior_points(points: Floats, normals: Floats, tree: cKDTree) -> npt.NDArray[np.bool_]:
    """Whether a surface goes on in all directions about each of its points, ``(N,)``.

    It does where the mean of the 16 nearest points is, in the tangent plane, nearer than a quarter of their distance:
    at a straight border that is 0.42 of it. Of at most 50 points none is said to be interior.
    """
    if len(points) <= _FEW:
        return np.zeros(len(points), dtype=bool)
    offsets = points[tree.query(points, k=_RING + 1)[1][:, 1:]] - points[:, None]
    radii = np.linalg.norm(offsets, axis=2).max(axis=1)
    means = offsets.mean(axis=1)
    means -= np.einsum("ni,ni->n", means, normals)[:, None] * normals
    inside: npt.NDArray[np.bool_] = np.linalg.norm(means, axis=1) < _BORDER * radii
    return inside
