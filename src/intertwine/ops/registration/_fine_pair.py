"""Motions between two surfaces fitted and ranked at the full resolution of their clouds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine.ops.registration._candidates import CLOSE, CONTRADICTION, MATCHES, REACH, Pair, Ranked, support
from intertwine.ops.registration._feature_histograms import Singles, descriptor_gaps, fine_histograms
from intertwine.ops.registration._fine_surface import FineSurface, fit_planes, plane_residuals
from intertwine.ops.registration._icp import iterated_closest_points
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._score import contradicted, covered

_FEATURE_RADIUS = 3.5
"""In spacings."""
_POINTS = 1000
_COARSE_STEPS, _STEPS = 5, 8
_LAST_STEPS = 30
_OFF = 3.0
"""Residuals of points that are off the other surface, in units of the roughness."""
_DIVERGENCE = 8.0
"""Weight of the share of points that are covered, but off the other surface."""
_LEAST_COVERAGE = 0.3
"""Motions of less than this share of the largest coverage do not tell how well surfaces can fit."""


class FinePair(NamedTuple):
    """Two surfaces, thinned, and both at full resolution."""

    pair: Pair
    first: FineSurface
    second: FineSurface

    def feature_gaps(self) -> Singles:
        """The squared distances ``(N, M)`` between small histograms of the full clouds at the thinned points."""
        radius = _FEATURE_RADIUS * self.pair.spacing
        found = [
            fine_histograms(thinned.points, thinned.normals, fine.points, fine.normals, radius)
            for thinned, fine in ((self.pair.first, self.first), (self.pair.second, self.second))
        ]
        return descriptor_gaps(found[0][0], found[1])

    def fit(self, motions: Motions) -> Motions:
        """The motions improved, first by the thinned surfaces, then by the tangent planes of the second cloud."""
        part, spacing = self.pair.first.every(_POINTS), self.pair.spacing
        better = []
        for motion in zip(*motions, strict=True):
            near = iterated_closest_points(part, self.pair.second, *motion, CLOSE * spacing, _COARSE_STEPS)
            better.append(fit_planes(part, self.second, *near, CLOSE * spacing, _STEPS))
        return Motions(np.stack([r for r, _ in better]), np.stack([t for _, t in better]))

    def settle(self, motions: Motions) -> Motions:
        """The motions fitted by all points of the first thinned surface, until they rest."""
        first, second, spacing = self.pair.first, self.pair.second, self.pair.spacing
        settled = []
        for motion in zip(*motions, strict=True):
            near = iterated_closest_points(first, second, *motion, CLOSE * spacing, _LAST_STEPS)
            settled.append(fit_planes(first, self.second, *near, CLOSE * spacing, _LAST_STEPS))
        return Motions(np.stack([r for r, _ in settled]), np.stack([t for _, t in settled]))

    def rank(self, motions: Motions) -> Ranked:
        """Fitted motions by coverage and matches, less the points that contradict and those that diverge.

        A point diverges where the other surface is near and has a similar normal, but the point is farther from its
        tangent plane than three times the roughness of both. Where no motion fits so well, for instance because the
        clouds are distorted, the roughness of the best is taken for one.
        """
        sides = [self._side(motions), self._exchanged()._side(motions.inverse())]
        coverage = np.mean([side.coverage for side in sides], axis=0)
        contradiction = np.mean([side.contradiction for side in sides], axis=0)
        typical = np.mean([side.upper_quartile for side in sides], axis=0)
        unit = max(1.0, float(typical[coverage >= _LEAST_COVERAGE * coverage.max()].min()))
        divergence = np.mean([(side.near & (side.residuals > _OFF * unit)).mean(axis=1) for side in sides], axis=0)
        matches = self.pair.matches
        agreement = coverage + MATCHES * support(matches, motions, self.pair.spacing) / max(len(matches.points_1), 1)
        scores = agreement - CONTRADICTION * contradiction - _DIVERGENCE * divergence
        order = np.argsort(-scores, kind="stable")
        return Ranked(motions.take(order), scores[order], agreement[order])

    def share_that_fits(self, motion: Motions) -> float:
        """The share of the covered points of both surfaces that are on the other one, by one motion; 0 without any."""
        sides = self._side(motion), self._exchanged()._side(motion.inverse())
        residuals = np.concatenate([side.residuals[side.near] for side in sides])
        return float((residuals <= _OFF).mean()) if len(residuals) else 0.0

    def _exchanged(self) -> FinePair:
        pair = self.pair._replace(first=self.pair.second, second=self.pair.first)
        return FinePair(pair, self.second, self.first)

    def _side(self, motions: Motions) -> _Side:
        part, spacing = self.pair.first.every(_POINTS), self.pair.spacing
        shares = covered(part, self.pair.second, motions, CLOSE * spacing)
        residuals = plane_residuals(part.points, self.first.roughness_at(part.points), self.second, motions)
        contradiction = contradicted(part, self.pair.second, motions, CLOSE * spacing, REACH * spacing)
        return _Side(shares.mean(axis=1), contradiction, shares > 0, residuals)


class _Side(NamedTuple):
    """One surface on the other: means of coverage and contradiction ``(S,)``, residuals of points ``(S, N)``."""

    coverage: Floats
    contradiction: Floats
    near: npt.NDArray[np.bool_]
    residuals: Floats

    @property
    def upper_quartile(self) -> Floats:
        """Of the residuals of covered points, ``(S,)``; infinite where there are none."""
        rows = zip(self.residuals, self.near, strict=True)
        quartiles: Floats = np.array([np.quantile(r[near], 0.75) if near.any() else np.inf for r, near in rows])
        return quartiles
