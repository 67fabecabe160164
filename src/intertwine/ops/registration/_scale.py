"""The ratio of the scales of two surfaces."""

from __future__ import annotations

import numpy as np
import torch

from intertwine.ops.alignment import similarity_alignment
from intertwine.ops.registration._candidates import CLOSE, feature_gaps, feature_matches, motions_from_matches, support
from intertwine.ops.registration._icp import iterated_closest_points
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats, surface_area
from intertwine.ops.registration._surfels import Surfels, common_spacing, natural_spacing, surfels

_RATIOS = 2.0 ** (np.arange(-6, 7) / 6)
_LEAST = 4
_STEPS = 5


def estimate_scale(first: Floats, second: Floats) -> float:
    """The factor of the first cloud at which most of the local features agree, among those near the ratio of areas."""
    from scipy.spatial import cKDTree

    areas = [surface_area(cloud, cKDTree(cloud)) for cloud in (first, second)]
    if min(len(first), len(second)) < _LEAST or min(areas) <= 0:
        return 1.0
    base = float(np.sqrt(areas[1] / areas[0]))
    trials = [_agreement(first * (base * ratio), second) for ratio in _RATIOS]
    best = int(np.argmax([count for count, _ in trials]))
    return base * float(_RATIOS[best]) * trials[best][1]


def _agreement(first: Floats, second: Floats) -> tuple[int, float]:
    """How many matches the best motion has, and the scale that they tell."""
    spacing = common_spacing(natural_spacing(first), natural_spacing(second))
    surfaces = surfels(first, spacing), surfels(second, spacing)
    matches = feature_matches(*surfaces, feature_gaps(*surfaces, spacing))
    if len(matches.points_1) < _LEAST:
        return 0, 1.0
    motion = motions_from_matches(matches, spacing).take(np.arange(1))
    gaps = np.linalg.norm(motion.apply(matches.points_1)[0] - matches.points_2, axis=1)
    good = gaps < 2.5 * spacing
    if good.sum() < _LEAST:
        return 0, 1.0
    found = similarity_alignment(torch.from_numpy(matches.points_1[good]), torch.from_numpy(matches.points_2[good]))
    return int(support(matches, motion, spacing)[0]), float(found.scale)


def refine_scale(first: Surfels, second: Surfels, motions: Motions, spacing: float) -> tuple[float, Motions]:
    """A factor near 1 and the motions, the best one refined in turn with the factor by closest points."""
    factor = 1.0
    rotation, translation = motions.rotations[0], motions.translations[0]
    for _ in range(_STEPS):
        moved = factor * first.points @ rotation.T + translation
        gaps, rows = second.tree.query(moved, distance_upper_bound=spacing)
        near = gaps < spacing
        if near.sum() < _LEAST:
            break
        normals, targets = second.normals[rows[near]], second.points[rows[near]]
        center = moved[near].mean(axis=0)
        along = np.einsum("pi,pi->p", normals, moved[near] - center)
        offset = np.einsum("pi,pi->p", normals, targets - moved[near])
        columns = np.stack([along, *normals.T], axis=1)
        growth = float(np.linalg.lstsq(columns, offset, rcond=None)[0][0])
        factor *= 1 + growth
        scaled = Surfels(factor * first.points, first.normals, first.tree, first.interior)
        translation = translation + growth * (translation - center)
        rotation, translation = iterated_closest_points(
            scaled, second, rotation, translation, distance=CLOSE * spacing, steps=10
        )
    rotations, translations = motions.rotations.copy(), motions.translations.copy()
    rotations[0], translations[0] = rotation, translation
    return factor, Motions(rotations, translations)
