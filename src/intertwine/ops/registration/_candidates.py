"""Candidate motions between two surfaces, refined and ranked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from intertwine.ops.alignment import rotation_grid
from intertwine.ops.registration._consistency import MOST_MATCHES, consistent_motions
from intertwine.ops.registration._feature_histograms import (
    Singles,
    descriptor_gaps,
    feature_histograms,
    mutually_nearest,
)
from intertwine.ops.registration._icp import iterated_closest_points
from intertwine.ops.registration._motions import Motions, stack
from intertwine.ops.registration._sampling import Floats, Integers
from intertwine.ops.registration._score import contradicted, covered
from intertwine.ops.registration._surfels import Surfels

_FEATURE_RADIUS = 6.0
_TOLERANCE = 2.5
_EXPLAINED = 5.0
"""Spacings within which a motion explains a match."""
MATCHES = 1.5
"""Weight of the share of matches that agree, beside the coverage."""
CONTRADICTION = 4.0
"""Weight of the share of points that contradict the other surface."""
CLOSE, REACH = 1.5, 6.0
"""Spacings within which refined surfaces are one, and within which they may contradict each other."""
_SCREENED = 30
_REFINED = 12
_PART = 500
_LEVEL = 2
_SAME_ANGLE = 0.2
_SAME_PLACE = 4.0


class Matches(NamedTuple):
    """Matched points and their normals, each ``(M, 3)``."""

    points_1: Floats
    points_2: Floats
    normals_1: Floats
    normals_2: Floats


class Pair(NamedTuple):
    """Two surfaces, thinned to one spacing, and the matches between them."""

    first: Surfels
    second: Surfels
    spacing: float
    matches: Matches

    def scores(self, part: Surfels, motions: Motions, distance: float) -> Floats:
        """The mean coverage of a part of the first surface, and the share of the matches that agree: ``(S,)``."""
        coverage = covered(part, self.second, motions, distance).mean(axis=1)
        total: Floats = coverage + MATCHES * support(self.matches, motions, self.spacing) / max(
            len(self.matches.points_1), 1
        )
        return total

    def rank(self, motions: Motions, count: int) -> Ranked:
        """Refined motions by their scores less the contradictions of both surfaces, at about ``count`` points each."""
        parts = self.first.every(count), self.second.every(count)
        agreement = self.scores(parts[0], motions, CLOSE * self.spacing)
        distances = CLOSE * self.spacing, REACH * self.spacing
        there = contradicted(parts[0], self.second, motions, *distances)
        back = contradicted(parts[1], self.first, motions.inverse(), *distances)
        scores = agreement - CONTRADICTION * (there + back) / 2
        order = np.argsort(-scores, kind="stable")
        return Ranked(motions.take(order), scores[order], agreement[order])


class Ranked(NamedTuple):
    """Refined motions, the best first, their scores ``(S,)``, and these without contradictions ``(S,)``."""

    motions: Motions
    scores: Floats
    agreement: Floats

    def equal(self, tolerance: float) -> Motions:
        """Those whose scores are less than a share of the best's agreement below the best."""
        return self.motions.take(np.flatnonzero(self.scores >= self.scores[0] - tolerance * self.agreement[0]))


def feature_gaps(first: Surfels, second: Surfels, spacing: float) -> Singles:
    """The squared distances between the feature histograms of two surfaces, ``(N, M)``."""
    found = [feature_histograms(s.points, s.normals, _FEATURE_RADIUS * spacing) for s in (first, second)]
    return descriptor_gaps(found[0][0], found[1])


def feature_matches(first: Surfels, second: Surfels, gaps: Singles) -> Matches:
    """Points whose feature histograms are mutually nearest."""
    rows_1, rows_2 = mutually_nearest(gaps)[:MOST_MATCHES].T
    return Matches(first.points[rows_1], second.points[rows_2], first.normals[rows_1], second.normals[rows_2])


def exclude_explained(gaps: Singles, pair: Pair, motion: Motions) -> None:
    """Make the gaps infinite, in place, for points that one motion carries near each other."""
    from scipy.spatial import cKDTree

    moved = cKDTree(motion.apply(pair.first.points)[0])
    near = moved.sparse_distance_matrix(pair.second.tree, _EXPLAINED * pair.spacing, output_type="coo_matrix")
    gaps[near.row, near.col] = np.inf


def given_matches(points_1: Floats, points_2: Floats, first: Surfels, second: Surfels) -> Matches:
    """Matched points with the normals of the surface elements nearest to them."""
    kept = slice(MOST_MATCHES)
    sides = zip((points_1[kept], points_2[kept]), (first, second), strict=True)
    normals = [surface.normals[surface.tree.query(points)[1]] for points, surface in sides]
    return Matches(points_1[kept], points_2[kept], normals[0], normals[1])


def motions_from_matches(matches: Matches, spacing: float) -> Motions:
    """The motions that many matches agree on."""
    return consistent_motions(*matches, tolerance=_TOLERANCE * spacing)


def unexplained(matches: Matches, motions: Motions, spacing: float) -> Matches:
    """The matches that none of the motions carries near each other."""
    gaps = np.linalg.norm(motions.apply(matches.points_1) - matches.points_2, axis=-1)
    rest = (gaps > _EXPLAINED * spacing).all(axis=0)
    return Matches(*(column[rest] for column in matches))


def motions_from_rotations(centers: tuple[Floats, Floats]) -> Motions:
    """Rotations spread evenly over SO(3) that carry one center to the other."""
    rotations = rotation_grid(_LEVEL).rotations.numpy()
    return Motions(rotations, centers[1] - rotations @ centers[0])


def support(matches: Matches, motions: Motions, spacing: float) -> Integers:
    """How many matches each motion carries onto each other, ``(S,)``."""
    gaps = np.linalg.norm(motions.apply(matches.points_1) - matches.points_2, axis=-1)
    counts: Integers = (gaps < _TOLERANCE * spacing).sum(1)
    return counts


def refine(pair: Pair, candidates: Motions, screened: int = _SCREENED, refined: int = _REFINED) -> Ranked:
    """The best of some candidates, refined by iterated closest points and ranked again."""
    first, second, spacing, _ = pair
    center = first.points.mean(axis=0)
    part = first.every(_PART)
    candidates = candidates.distinct(center, _SAME_ANGLE, _SAME_PLACE * spacing, screened)
    scores = pair.scores(part, candidates, _TOLERANCE * spacing)
    better = []
    for k in np.argsort(-scores, kind="stable")[:refined]:
        motion = candidates.rotations[k], candidates.translations[k]
        motion = iterated_closest_points(part, second, *motion, distance=4 * spacing, steps=8)
        better.append(iterated_closest_points(part, second, *motion, distance=2 * spacing, steps=8))
    motions = Motions(np.stack([r for r, _ in better]), np.stack([t for _, t in better]))
    return pair.rank(motions, _PART)


def merge(parts: list[Ranked]) -> Ranked:
    """All motions of several lists, ranked together."""
    scores = np.concatenate([part.scores for part in parts])
    agreement = np.concatenate([part.agreement for part in parts])
    order = np.argsort(-scores, kind="stable")
    return Ranked(stack([part.motions for part in parts]).take(order), scores[order], agreement[order])
