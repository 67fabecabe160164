"""Two clouds made ready for registration: outliers removed, evenly thinned to one spacing, with normals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from intertwine.ops.registration._normals import estimate_normals
from intertwine.ops.registration._sampling import Floats, packing_spacing, poisson_disk_subset, surface_area

_MOST_POINTS = 30_000
_TARGET = 3000
_FEW = 50
_KEPT_BY_THINNING = 0.6
_MOST_RATIO = 2.0
_LEAST_NEIGHBORS = 4


class Surfels(NamedTuple):
    """Points ``(N, 3)`` with normals ``(N, 3)`` up to sign, and their k-d tree."""

    points: Floats
    normals: Floats
    tree: cKDTree

    def every(self, count: int) -> Surfels:
        """About ``count`` of them, taken at equal steps; the tree stays that of all."""
        step = max(1, len(self.points) // count)
        return Surfels(self.points[::step], self.normals[::step], self.tree)


def random_rows(points: Floats, most: int = _MOST_POINTS) -> Floats:
    """At most so many of the points, drawn by their row numbers, in order."""
    if len(points) <= most:
        return points
    return points[np.sort(np.random.RandomState(0).permutation(len(points))[:most])]


def natural_spacing(points: Floats) -> float:
    """The spacing at which an evenly thinned cloud keeps about 3,000 points, or 60 % of them where it has fewer."""
    area = surface_area(points, cKDTree(points))
    return packing_spacing(area, min(_TARGET, max(int(_KEPT_BY_THINNING * len(points)), 1)))


def common_spacing(first: float, second: float) -> float:
    """The larger spacing, but at most twice the smaller one."""
    low, high = sorted((first, second))
    return min(high, _MOST_RATIO * low) if low > 0 else high


def surfels(points: Floats, spacing: float) -> Surfels:
    """The cloud thinned to a spacing, without points that have almost no neighbors, and its normals."""
    kept = points if len(points) <= _FEW else points[poisson_disk_subset(points, spacing)]
    tree = cKDTree(kept)
    if len(kept) > _FEW:
        crowded = tree.query(kept, k=_LEAST_NEIGHBORS + 1)[0][:, -1] < 2.5 * spacing
        if crowded.mean() > 0.5 and not crowded.all():
            kept = kept[crowded]
            tree = cKDTree(kept)
    return Surfels(kept, estimate_normals(kept, tree, kept), tree)
