"""Rigid motions from matches that agree with each other: second-order spatial compatibility."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch

from intertwine.ops.alignment import rigid_alignment
from intertwine.ops.registration._feature_histograms import Singles
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats

MOST_MATCHES = 1500
"""The most matches: time grows with their cube."""
_MEMBERS = 24
Array = TypeVar("Array", Singles, Floats)


def consistent_motions(
    points_1: Floats, points_2: Floats, normals_1: Floats, normals_2: Floats, tolerance: float, seeds: int = 128
) -> Motions:
    r"""Candidate motions from matches, wrong ones among them, the best supported first.

    Two matches are compatible when the distance between their points, and the angle between their normals, is the same
    on both sides. The second-order compatibility counts, for two compatible matches, the others that are compatible
    with both: chance agreements have few of those. Each of the best seeds takes the matches that are most compatible
    with it, weights them by the leading eigenvector of their compatibilities, and solves Procrustes' problem.

    Args:
        points_1: ``(M, 3)``.
        points_2: ``(M, 3)``: the matched points.
        normals_1: ``(M, 3)``, of any sign.
        normals_2: ``(M, 3)``.
        tolerance: The error of a point, in the unit of the points.
        seeds: The most motions.

    Returns:
        Motions from the first to the second points.

    Law: with the first points moved by g and the second by h, each motion becomes h motion g^-1.

    Cost: M^3, in a matrix product.

    Reference: Chen, Sun, Yang, Tao, SC2-PCR: a second order spatial compatibility for efficient and robust point cloud
    registration, CVPR 2022.
    """
    compatible = compatibility(points_1, points_2, normals_1, normals_2, tolerance)
    second_order = second_order_compatibility(compatible)
    strength = second_order.sum(1)
    chosen = _spread_seeds(points_1, strength, 3 * tolerance, seeds)
    size = min(_MEMBERS, len(points_1))
    members = np.argsort(-second_order[chosen], axis=1, kind="stable")[:, : size - 1]
    members = np.concatenate([chosen[:, None], members], axis=1) if size > 1 else chosen[:, None]
    inner = compatible[members[:, :, None], members[:, None, :]].astype(np.float64)
    inner = second_order_compatibility(inner)
    weights = np.ones(members.shape)
    for _ in range(10):
        weights = np.einsum("sij,sj->si", inner, weights) + 1e-12
        weights /= weights.sum(1, keepdims=True)
    found = rigid_alignment(*(torch.from_numpy(x) for x in (points_1[members], points_2[members], weights)))
    motions = Motions(found.rotation.numpy(), found.translation.numpy())
    return _refit(motions, points_1, points_2, tolerance)


def second_order_compatibility(compatible: Array) -> Array:
    r"""The common partners of compatible pairs, :math:`C_{ij} \sum_k C_{ik} C_{kj}`: ``(..., M, M)``."""
    result: Array = compatible * (compatible @ compatible)
    return result


def compatibility(
    points_1: Floats, points_2: Floats, normals_1: Floats, normals_2: Floats, tolerance: float
) -> Singles:
    r"""How well two matches agree on a motion, from 0 to 1, ``(M, M)``, zero for a match with itself.

    .. math:: C_{ij} = \Bigl[ 1 - \frac{(d_{ij} - d'_{ij})^2}{\tau^2} \Bigr]_+
        \Bigl[ 1 - 4 (|n_i \cdot n_j| - |n'_i \cdot n'_j|)^2 \Bigr]_+

    with the distances d, d' and the normals n, n' of both sides and the tolerance :math:`\tau`.
    """
    gaps = np.abs(_distances(points_1) - _distances(points_2)) / tolerance
    compatible: Singles = np.maximum(1 - gaps**2, 0)
    turned = np.abs(np.abs(normals_1 @ normals_1.T) - np.abs(normals_2 @ normals_2.T)).astype(np.float32)
    compatible *= np.maximum(1 - (turned / 0.5) ** 2, 0)
    np.fill_diagonal(compatible, 0)
    return compatible


def _distances(points: Floats) -> Singles:
    centered = points - points.mean(axis=0)
    squares = (centered**2).sum(1)
    gaps = squares[:, None] + squares - 2 * (centered @ centered.T)
    distances: Singles = np.sqrt(np.maximum(gaps, 0)).astype(np.float32)
    return distances


def _spread_seeds(points: Floats, strength: Singles, distance: float, count: int) -> np.ndarray:
    """The strongest matches first, then the next ones of which no stronger match is near."""
    gaps = _distances(points)
    stronger = strength[None, :] > strength[:, None]
    peak = np.logical_not(np.any((gaps < distance) & stronger, axis=1))
    order = np.argsort(-strength, kind="stable")
    among = np.take(peak, order)
    peaks, rest = order[among], order[~among]
    return np.concatenate([peaks, rest])[:count]


def _refit(motions: Motions, points_1: Floats, points_2: Floats, tolerance: float) -> Motions:
    """Each motion solved once more from all matches that it carries onto each other; best supported first."""
    for _ in range(2):
        gaps = np.linalg.norm(motions.apply(points_1) - points_2, axis=-1)
        weights = np.maximum(1 - (gaps / tolerance) ** 2, 0)
        enough = (weights > 0).sum(1) >= 3
        first, second = (torch.from_numpy(x).expand(len(weights), -1, -1) for x in (points_1, points_2))
        found = rigid_alignment(first, second, torch.from_numpy(weights + 1e-12))
        motions = Motions(
            np.where(enough[:, None, None], found.rotation.numpy(), motions.rotations),
            np.where(enough[:, None], found.translation.numpy(), motions.translations),
        )
    gaps = np.linalg.norm(motions.apply(points_1) - points_2, axis=-1)
    support = np.maximum(1 - (gaps / tolerance) ** 2, 0).sum(1)
    return motions.take(np.argsort(-support, kind="stable"))
