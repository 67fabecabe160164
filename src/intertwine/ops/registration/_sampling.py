"""Poisson-disk subsets of point clouds, and the area of the surface that a cloud samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NEIGHBORS = 8
_QUERIES = 4000
_SATURATED = 1.436
"""Area for each point of a saturated random packing of disks, over the squared distance: pi / (4 x 0.547)."""


def surface_area(points: Floats, tree: cKDTree) -> float:
    """An estimate of the area that points of a surface sample, from distances to the 8th neighbor; outliers are cut."""
    if len(points) <= _NEIGHBORS:
        return float(np.ptp(points, axis=0).max(initial=0.0) ** 2)
    queries = points[:: -(-len(points) // _QUERIES)]
    areas = np.pi * tree.query(queries, k=_NEIGHBORS + 1)[0][:, -1] ** 2 / _NEIGHBORS
    return float(np.minimum(areas, 4 * np.median(areas)).mean()) * len(points)


def packing_spacing(area: float, count: int) -> float:
    """The distance at which about ``count`` points fill an area."""
    return float(np.sqrt(area / (_SATURATED * max(count, 1))))


def poisson_disk_subset(points: Floats, spacing: float, seed: int = 0) -> Integers:
    """Rows of a maximal subset in which no two points are closer than ``spacing``, in ascending order.

    A point is kept where it comes first, in one random order, among its neighbors that are not yet decided; this is
    repeated until all are decided. The subset depends on distances and on the order of the rows alone: it is the same
    for a moved cloud, up to rounding.

    Args:
        points: ``(N, 3)``.
        spacing: In the unit of the points; 0 keeps all.
        seed: Seed of the order.

    Returns:
        ``(K,)`` int64.

    Cost: the number of pairs closer than ``spacing``, about log N times.
    """
    from scipy.spatial import cKDTree

    rank = np.random.RandomState(seed).permutation(len(points)).astype(np.int64)
    pairs = cKDTree(points).query_pairs(spacing, output_type="ndarray").astype(np.int64)
    kept = np.zeros(len(points), dtype=bool)
    open_ = np.ones(len(points), dtype=bool)
    while len(pairs):
        first, second = pairs.T
        best = np.full(len(points), len(points), dtype=np.int64)
        np.minimum.at(best, first, rank[second])
        np.minimum.at(best, second, rank[first])
        chosen = open_ & (rank < best)
        kept |= chosen
        open_ &= ~chosen
        open_[second[chosen[first]]] = False
        open_[first[chosen[second]]] = False
        pairs = pairs[open_[first] & open_[second]]
    return np.flatnonzero(kept | open_)
