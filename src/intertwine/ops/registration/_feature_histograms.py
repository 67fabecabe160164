"""Fast point feature histograms of normals whose signs are not known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intertwine.ops.registration._sampling import Floats

Singles = npt.NDArray[np.float32]

_BINS = 11
_SMALLEST = 1e-12


def feature_histograms(points: Floats, normals: Floats, radius: float) -> tuple[Singles, Singles]:
    r"""Histograms of the angles between the normals near each point, for both signs of its own normal.

    With the normal n of a point, the unit vector d to a neighbor and the neighbor's normal m, its sign chosen such that
    :math:`m \cdot n \ge 0`, the three features of the pair are

    .. math:: \alpha = v \cdot m, \quad \phi = n \cdot d, \quad \theta = \operatorname{atan2}(w \cdot m, n \cdot m),
        \qquad v = \frac{n \times d}{|n \times d|}, \quad w = n \times v.

    Their histograms over the neighbors, and the means of the neighbors' histograms with weights 1 / distance, are the
    descriptor. To reverse n is to reverse m: :math:`\alpha` stays, :math:`\phi` and :math:`\theta` change their signs,
    so the descriptor of the other sign is the same histograms read backwards. Square roots are taken, so that Euclidean
    distances are Hellinger's.

    Args:
        points: ``(N, 3)``, evenly spaced.
        normals: ``(N, 3)`` of length 1, of any sign.
        radius: Of the neighborhood.

    Returns:
        Two arrays ``(N, 66)``, for the normals and for the reversed normals.

    Law: invariant under rigid motions; a reversal of the normal of a point exchanges the two for that point.

    Reference: Rusu, Blodow, Beetz, Fast point feature histograms (FPFH) for 3D registration, ICRA 2009.
    """
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    size = len(points)
    near = cKDTree(points).query_pairs(radius, output_type="ndarray")
    center, neighbor = np.concatenate([near, near[:, ::-1]]).T
    offsets = points[neighbor] - points[center]
    lengths = np.linalg.norm(offsets, axis=1)
    apart = lengths > _SMALLEST * radius
    center, neighbor, offsets, lengths = center[apart], neighbor[apart], offsets[apart], lengths[apart]
    agree = np.einsum("pi,pi->p", normals[center], normals[neighbor]) >= 0
    own = _pair_histograms(size, center, offsets / lengths[:, None], normals[center], normals[neighbor], agree)
    same = csr_matrix((agree / lengths, (center, neighbor)), (size, size))
    other = csr_matrix((~agree / lengths, (center, neighbor)), (size, size))
    mean = np.stack([same @ a + other @ b for a, b in zip(own, _reversed(own), strict=True)])
    both = np.concatenate([own, mean / (mean.sum(-1, keepdims=True) + _SMALLEST)])
    return _descriptor(both), _descriptor(_reversed(both))


def fine_histograms(
    centers: Floats, center_normals: Floats, points: Floats, normals: Floats, radius: float
) -> tuple[Singles, Singles]:
    """The histograms of `feature_histograms` about some centers, of the neighbors in a denser cloud and without means.

    Args:
        centers: ``(N, 3)``.
        center_normals: ``(N, 3)`` of length 1, of any sign.
        points: ``(M, 3)``, the cloud.
        normals: ``(M, 3)``, of any sign.
        radius: Of the neighborhood.

    Returns:
        Two arrays ``(N, 33)``, for the normals of the centers and for these reversed.
    """
    from scipy.spatial import cKDTree

    near = cKDTree(centers).sparse_distance_matrix(cKDTree(points), radius, output_type="ndarray")
    near = near[near["v"] > _SMALLEST * radius]
    center, neighbor = near["i"].astype(np.int64), near["j"]
    offsets = (points[neighbor] - centers[center]) / near["v"][:, None]
    agree = np.einsum("pi,pi->p", center_normals[center], normals[neighbor]) >= 0
    own = _pair_histograms(len(centers), center, offsets, center_normals[center], normals[neighbor], agree)
    return _descriptor(own), _descriptor(_reversed(own))


def _pair_histograms(
    size: int, center: npt.NDArray[np.int64], directions: Floats, n: Floats, m: Floats, agree: npt.NDArray[np.bool_]
) -> Floats:
    """``(3, size, bins)``: the histograms of the three features, each of sum 1."""
    m = np.where(agree[:, None], m, -m)
    v = np.cross(n, directions)
    v /= np.linalg.norm(v, axis=1, keepdims=True) + _SMALLEST
    w = np.cross(n, v)
    dot = [np.einsum("pi,pi->p", a, b) for a, b in ((v, m), (n, directions), (w, m), (n, m))]
    features = [(dot[0] + 1) / 2, (dot[1] + 1) / 2, np.arctan2(dot[2], dot[3]) / np.pi + 0.5]
    result = np.zeros((3, size * _BINS))
    for histogram, value in zip(result, features, strict=True):
        place = np.clip(value * _BINS - 0.5, 0, _BINS - 1 - 1e-9)
        low = place.astype(np.int64)
        high = place - low
        histogram += np.bincount(center * _BINS + low, 1 - high, size * _BINS)
        histogram += np.bincount(center * _BINS + low + 1, high, size * _BINS)
    counts = result.reshape(3, size, _BINS)
    shares: Floats = counts / (counts.sum(-1, keepdims=True) + _SMALLEST)
    return shares


def _reversed(histograms: Floats) -> Floats:
    """Those of the other sign: the first of each three stays, the others are read backwards."""
    return np.stack([h if k % 3 == 0 else h[:, ::-1] for k, h in enumerate(histograms)])


def _descriptor(histograms: Floats) -> Singles:
    descriptor: Singles = np.sqrt(np.concatenate(list(histograms), axis=1)).astype(np.float32)
    return descriptor


def descriptor_gaps(first: Singles, second: tuple[Singles, Singles]) -> Singles:
    """The squared distances ``(N, M)`` of descriptors, the second with the better of their two signs."""
    gaps: Singles = np.minimum(*((b * b).sum(1) - 2 * (first @ b.T) for b in second))
    gaps += (first * first).sum(1)[:, None]
    return gaps


def mutually_nearest(gaps: Singles) -> npt.NDArray[np.int64]:
    """Rows and columns ``(K, 2)`` whose gap is the least of both; infinite gaps are none."""
    if not gaps.size:
        return np.zeros((0, 2), np.int64)
    nearest = gaps.argmin(1)
    rows = np.arange(len(gaps))
    rows = rows[(gaps.argmin(0)[nearest] == rows) & np.isfinite(gaps[rows, nearest])]
    return np.stack([rows, nearest[rows]], axis=1)
