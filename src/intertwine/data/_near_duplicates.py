"""Near-duplicates: one shape twice, recolored, scaled, rotated by quarters, mirrored or hardly changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from intertwine.data._sampling import Floats, Integers

TOLERANCE = 0.03
_PROBES = (64, 512)


def near_duplicate_groups(clouds: Sequence[Floats], tolerance: float = TOLERANCE) -> Integers:
    """Groups of clouds that show nearly one shape: the same number for those that a chain of near-duplicates connects.

    Two clouds are near-duplicates when the root mean square distance from points of one to the nearest of the other,
    both ways, is below the tolerance: at one size, in the best of the eight orientations that quarter turns about z and
    a mirror give. The distances within each cloud, which no motion changes, tell beforehand which pairs to compare.

    Args:
        clouds: (P, 3) each, dense: 16,384 points see a tolerance of 0.03 well.
        tolerance: in units of the root mean square distance from the mean.

    Returns:
        (S,) int64.

    Cost: O(S^2) for the distances, about 5 ms for each pair that is compared.
    """
    centered = [_normalized(np.asarray(cloud, dtype=np.float64)) for cloud in clouds]
    trees = [cKDTree(cloud) for cloud in centered]
    pairs = [
        (first, second)
        for first, second in _candidates(centered, tolerance)
        if _distance(centered, trees, first, second, tolerance) < tolerance
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(clouds), len(clouds)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _normalized(cloud: Floats) -> Floats:
    centered = cloud - cloud.mean(axis=0)
    result: Floats = centered / max(float(np.sqrt((centered**2).sum(axis=1).mean())), 1e-300)
    return result


def _candidates(clouds: Sequence[Floats], tolerance: float) -> Iterator[tuple[int, int]]:
    generator = np.random.RandomState(0)
    signatures = []
    for cloud in clouds:
        first, second = generator.randint(len(cloud), size=(2, 40_000))
        between = np.sort(np.sqrt(((cloud[first] - cloud[second]) ** 2).sum(axis=1)))
        signatures.append(between[200::400])
    tree = cKDTree(np.array(signatures) / 10.0)  # the length of 100 numbers -> their root mean square
    yield from sorted(tree.query_pairs(tolerance))


def _distance(clouds: Sequence[Floats], trees: Sequence[cKDTree], first: int, second: int, tolerance: float) -> float:
    best = np.inf
    for rotation in _ORIENTATIONS:
        for probes in _PROBES:
            forth = trees[second].query(clouds[first][:probes] @ rotation.T)[0]
            back = trees[first].query(clouds[second][:probes] @ rotation)[0]
            distance = float(np.sqrt(((forth**2).mean() + (back**2).mean()) / 2))
            if distance > 2 * tolerance:
                break
        else:
            best = min(best, distance)
    return best


_ORIENTATIONS = tuple(
    np.array([[c * s, -d, 0.0], [d * s, c, 0.0], [0.0, 0.0, 1.0]])
    for s in (1, -1)
    for c, d in ((1, 0), (0, 1), (-1, 0), (0, -1))
)
