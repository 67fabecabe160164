"""The confidence of a registration: a logistic model of a few statistics of the motion that was found."""

from __future__ import annotations

from math import exp, log, log1p
from typing import NamedTuple

_WEIGHTS = (-27.65, 1.377, 5.665, 2.808, 4.452)
"""Of a constant and of `Evidence.features`."""


class Evidence(NamedTuple):
    """Statistics of a motion between two surfaces.

    Attributes:
        agreeing: Matches of local feature histograms that the motion carries onto each other.
        matches: All matches.
        overlap: The shares of the first and of the second surface that lie on the other one.
        closeness: How near the points that lie on the other surface are to it: the mean of 1 - (gap / distance)^2.
        margin: How much lower the best of the other motions scores, as a share of the coverage and matches of this one,
            at most 1; 1 if there is none.
        fit: The share of the points on the other surface that are off its tangent planes by at most three times the
            roughness of both, at the resolution of the clouds.
    """

    agreeing: int
    matches: int
    overlap: tuple[float, float]
    closeness: float
    margin: float
    fit: float

    @property
    def features(self) -> tuple[float, ...]:
        """What the logistic model is linear in; the same for exchanged surfaces."""
        return (
            log1p(self.agreeing),
            self.closeness,
            self.margin,
            -log(1.02 - self.fit),
        )


def confidence_of(evidence: Evidence) -> float:
    """The probability that a motion with this evidence is right, from 0 to 1."""
    constant, *weights = _WEIGHTS
    logit = constant + sum(weight * value for weight, value in zip(weights, evidence.features, strict=True))
    return 1 / (1 + exp(-max(min(logit, 30.0), -30.0)))
