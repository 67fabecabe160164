"""Registration of two point clouds: the rigid motion between them, from any initial pose."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.registration._candidates import (
    CLOSE,
    Matches,
    Pair,
    Ranked,
    exclude_explained,
    feature_gaps,
    feature_matches,
    given_matches,
    merge,
    motions_from_matches,
    motions_from_rotations,
    refine,
    support,
    unexplained,
)
from intertwine.ops.registration._confidence import Evidence, confidence_of
from intertwine.ops.registration._feature_histograms import Singles
from intertwine.ops.registration._fine_pair import FinePair
from intertwine.ops.registration._fine_surface import fine_surface
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._normal_fields import correlated_motions
from intertwine.ops.registration._remarks import answer_remarks, shape_remarks, unit_remarks
from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._scale import estimate_scale, refine_scale
from intertwine.ops.registration._score import covered
from intertwine.ops.registration._surfels import common_spacing, natural_spacing, random_rows, surfels, without_outliers

_FEW_MATCHES = 3
_ROUNDS = ((30, 12), (20, 6), (20, 6))
"""Motions that are screened and refined of each round of matches."""
_SURE_SUPPORT = 30
_SYMMETRIC_OVERLAP = 0.7
_EQUAL_SCORE = 0.07
"""Motions are equal whose scores differ by less than this share."""
_MOST_ANSWERS = 24
_SAME_ANGLE = 0.1
_SCREENED = 144
_TRIED = 48
_SEARCHED = 100
_APART = 0.35
"""The least angle between rotations that are tried (radians)."""
_NO_OVERLAP = 0.02
_OTHER_ANGLE, _OTHER_PLACE = 0.2, 4.0
"""Motions within this angle (radians) and so many spacings of an answer count as that answer."""


class Registration(NamedTuple):
    """The motion ``x -> s R x + t`` of a first cloud onto a second one.

    Attributes:
        rotation: R, ``(3, 3)`` float64.
        translation: t, ``(3,)``, in the unit of the second cloud.
        scale: s; 1 unless it was asked for.
        overlap: The shares of the first and of the second cloud that lie on the other one.
        confidence: The probability that the motion is right, from 0 to 1, by a logistic model of the evidence.
        answers: ``(K, 4, 4)``: all motions that fit equally well, this one first; more than one where the shape is
            symmetric.
        remarks: What a user should know, such as different units.
        evidence: The statistics that the confidence is computed from; None for clouds without extent.
    """

    rotation: Tensor
    translation: Tensor
    scale: float
    overlap: tuple[float, float]
    confidence: float
    answers: Tensor
    remarks: tuple[str, ...]
    evidence: Evidence | None = None

    @property
    def matrix(self) -> Tensor:
        """The motion as a matrix ``(4, 4)``."""
        return self.answers[0]


def register(
    points_1: Tensor,
    points_2: Tensor,
    *,
    scale: bool = False,
    matches: tuple[Tensor, Tensor] | None = None,
    exhaustive: bool = False,
) -> Registration:
    """The rigid motion of one point cloud onto another one that shows a part of the same object, from any pose.

    Local feature histograms are matched, motions that many matches agree on are refined by iterated closest points,
    and the one is taken that lays the largest area of the two surfaces onto each other, less the places where they
    contradict each other at the resolution of the clouds. Where few features agree, rotations spread over SO(3) are
    tried as well. Nothing is learned, and nothing is random.

    Args:
        points_1: ``(N, 3)``, the cloud that moves.
        points_2: ``(M, 3)``, in the same unit unless ``scale`` is set.
        scale: Whether to estimate the ratio of their scales as well.
        matches: ``(K, 3)`` and ``(K, 3)``, points of the surfaces that are matched, such as a trained network's:
            motions that they agree on are candidates beside those of the feature histograms.
        exhaustive: Whether the hundred best motions of a search over all of SE(3), in which the normals of the two
            surfaces are correlated (`search_correlation`), are candidates as well.

    Returns:
        The motion, with the overlap, a confidence, and all answers where the shape is symmetric.

    Raises:
        UsageError: If a cloud is empty, a coordinate is not finite or the shapes are others.

    Law: with the first cloud moved by g and the second by h, the motion becomes h motion g^-1, up to the tolerance of
        the refinement; with the clouds exchanged it becomes its inverse, exactly.

    Cost: one to two seconds for clouds of any size on one core; about five more if the search is exhaustive.

    Example:
        >>> cloud = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        >>> turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
        >>> found = register(cloud, cloud @ turn.T + 5)
        >>> torch.allclose(found.rotation, turn), [round(x, 3) for x in found.translation.tolist()]
        (True, [5.0, 5.0, 5.0])
    """
    first, second = _checked(points_1, "points_1"), _checked(points_2, "points_2")
    pairs = None if matches is None else _checked_matches(*matches)
    if _comes_first(second, first):
        return _exchanged(_register(second, first, scale, None if pairs is None else pairs[::-1], exhaustive))
    return _register(first, second, scale, pairs, exhaustive)


def _checked(points: Tensor, name: str) -> Floats:
    values: Floats = torch.as_tensor(points).detach().cpu().double().numpy()
    if values.ndim != 2 or values.shape[1] != 3 or not len(values):
        raise UsageError(f"{name} expects a cloud of shape (N, 3) of at least one point, got {values.shape}")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise UsageError(f"{name} expects finite coordinates; point {int(bad.argmax()) + 1} is not")
    return values


def _checked_matches(points_1: Tensor, points_2: Tensor) -> tuple[Floats, Floats] | None:
    if len(points_1) != len(points_2):
        raise UsageError(f"matches expects as many points of both clouds, got {len(points_1)} and {len(points_2)}")
    return (_checked(points_1, "matches"), _checked(points_2, "matches")) if len(points_1) else None


def _comes_first(a: Floats, b: Floats) -> bool:
    """An order of clouds that motions do not change: by size, then by the spread about the mean."""
    if len(a) != len(b):
        return len(a) < len(b)
    spread = [float(((x - x.mean(0)) ** 2).sum()) for x in (a, b)]
    return spread[0] < spread[1] * (1 - 1e-9)


def _register(
    first: Floats, second: Floats, scale: bool, matched: tuple[Floats, Floats] | None, exhaustive: bool
) -> Registration:
    means = first.mean(axis=0), second.mean(axis=0)
    clouds = without_outliers(random_rows(first - means[0])), without_outliers(random_rows(second - means[1]))
    remarks = shape_remarks(clouds)
    factor = 1.0
    if scale:
        factor = estimate_scale(*clouds)
    else:
        remarks += unit_remarks(clouds)
    clouds = factor * clouds[0], clouds[1]
    spacing = common_spacing(*(natural_spacing(cloud) for cloud in clouds))
    if min(len(cloud) for cloud in clouds) == 1 or spacing == 0:
        answers, evidence = Motions(np.eye(3)[None], np.zeros((1, 3))), None
    else:
        pair = surfels(clouds[0], spacing), surfels(clouds[1], spacing)
        fine = fine_surface(clouds[0], spacing), fine_surface(clouds[1], spacing)
        given = None
        if matched is not None:
            given = given_matches(factor * (matched[0] - means[0]), matched[1] - means[1], *pair)
        gaps = feature_gaps(*pair, spacing)
        fine_pair = FinePair(Pair(*pair, spacing, feature_matches(*pair, gaps)), *fine)
        answers, evidence = _align(fine_pair, gaps, given, exhaustive)
        if scale:
            growth, answers = refine_scale(*pair, answers, spacing)
            factor *= growth
    shares, confidence = ((1.0, 1.0), 0.0) if evidence is None else (evidence.overlap, confidence_of(evidence))
    remarks += answer_remarks(answers, shares, confidence)
    matrices = np.tile(np.eye(4), (len(answers.rotations), 1, 1))
    matrices[:, :3, :3] = factor * answers.rotations
    matrices[:, :3, 3] = answers.translations + means[1] - factor * answers.rotations @ means[0]
    return _registration(torch.from_numpy(matrices), factor, shares, confidence, tuple(remarks), evidence)


def _registration(
    matrices: Tensor,
    scale: float,
    overlap: tuple[float, float],
    confidence: float,
    remarks: tuple[str, ...],
    evidence: Evidence | None,
) -> Registration:
    rotation, translation = matrices[0, :3, :3] / scale, matrices[0, :3, 3].clone()
    return Registration(rotation, translation, scale, overlap, confidence, matrices, remarks, evidence)


def _exchanged(found: Registration) -> Registration:
    """The registration of the second cloud onto the first."""
    words = {"first": "second", "second": "first"}
    remarks = tuple(" ".join(words.get(word, word) for word in remark.split(" ")) for remark in found.remarks)
    inverse = torch.zeros_like(found.answers)
    inverse[:, :3, :3] = found.answers[:, :3, :3].mT / found.scale**2
    inverse[:, :3, 3:] = -inverse[:, :3, :3] @ found.answers[:, :3, 3:]
    inverse[:, 3, 3] = 1
    evidence = None if found.evidence is None else found.evidence._replace(overlap=found.overlap[::-1])
    return _registration(inverse, 1 / found.scale, found.overlap[::-1], found.confidence, remarks, evidence)


def _align(fine: FinePair, gaps: Singles, given: Matches | None, exhaustive: bool) -> tuple[Motions, Evidence]:
    """All answers, by the matches of feature histograms, by those given and by a search, and the evidence for them."""
    pair = fine.pair
    found = _feature_motions(pair, gaps) + ([] if given is None else _given_motions(pair, given))
    if not found or support(pair.matches, found[0].motions, pair.spacing)[0] < _SURE_SUPPORT:
        found += _feature_motions(pair, fine.feature_gaps())
        found.append(_tried_rotations(pair, (pair.first.points.mean(axis=0), pair.second.points.mean(axis=0))))
    if exhaustive:
        motions = correlated_motions(pair.first, pair.second, pair.spacing, _SEARCHED)
        found.append(refine(pair, motions, _SEARCHED, _SEARCHED))
    ranked = merge(found)
    best = ranked.motions.take(np.arange(1))
    if min(_overlap(pair, best)) > _SYMMETRIC_OVERLAP:
        center = pair.first.points.mean(axis=0)
        ranked = merge([ranked, _tried_rotations(pair, (center, best.apply(center[None])[0, 0]))])
    answers, ranked = _finish(fine, ranked)
    return answers, _evidence(fine, answers, ranked)


def _feature_motions(pair: Pair, gaps: Singles) -> list[Ranked]:
    """Motions that matches of features agree on.

    Where a shape nearly has a symmetry, most matches agree on the motion of largest overlap. Without pairs of points
    that it carries near each other the nearest features of the same points are others.
    """
    left = gaps.copy()
    first = feature_matches(pair.first, pair.second, gaps)

    def rematch(_: Matches, motion: Motions) -> Matches:
        exclude_explained(left, pair, motion)
        return feature_matches(pair.first, pair.second, left)

    return _motions_in_rounds(pair, first, rematch)


def _given_motions(pair: Pair, matches: Matches) -> list[Ranked]:
    """Motions that given matches agree on."""
    return _motions_in_rounds(pair, matches, lambda last, motion: unexplained(last, motion, pair.spacing))


def _motions_in_rounds(pair: Pair, matches: Matches, rest: Callable[[Matches, Motions], Matches]) -> list[Ranked]:
    """Refined motions that matches agree on, then those of the rest that the best supported one leaves, and again."""
    found: list[Ranked] = []
    for screened, refined in _ROUNDS:
        if len(matches.points_1) < _FEW_MATCHES:
            break
        motions = motions_from_matches(matches, pair.spacing)
        found.append(refine(pair, motions, screened, refined))
        matches = rest(matches, motions.take(np.arange(1)))
    return found


def _tried_rotations(pair: Pair, centers: tuple[Floats, Floats]) -> Ranked:
    """The best of rotations spread over SO(3) about a center, by coverage at a tolerance that their distance needs."""
    candidates = motions_from_rotations(centers)
    extent = float(np.abs(pair.first.points - centers[0]).max())
    scores = covered(pair.first.every(120), pair.second, candidates, max(4 * pair.spacing, 0.1 * extent)).mean(axis=1)
    best = candidates.take(np.argsort(-scores, kind="stable")[:_SCREENED])
    best = best.distinct(centers[0], _APART, pair.spacing, _TRIED)
    return refine(pair, best, screened=_TRIED, refined=_TRIED)


def _finish(fine: FinePair, ranked: Ranked) -> tuple[Motions, Ranked]:
    """The motions that are as good as the best, at full resolution and without repetitions, and all that were ranked.

    The best come first.
    """
    pair = fine.pair
    center = pair.first.points.mean(axis=0)
    several = ranked.motions.distinct(center, _SAME_ANGLE, 2 * pair.spacing, _MOST_ANSWERS)
    ranked = fine.rank(fine.fit(several))
    good = fine.settle(ranked.equal(_EQUAL_SCORE).distinct(center, _SAME_ANGLE, 2 * pair.spacing, _MOST_ANSWERS))
    settled = fine.rank(good)
    most = _MOST_ANSWERS if settled.agreement[0] > _NO_OVERLAP else 1
    return settled.equal(_EQUAL_SCORE).distinct(center, _SAME_ANGLE, 2 * pair.spacing, most), ranked


def _overlap(pair: Pair, motion: Motions) -> tuple[float, float]:
    """The shares of the two surfaces that lie on the other one."""
    there, back = _both_covered(pair, motion)
    return float((there > 0).mean()), float((back > 0).mean())


def _both_covered(pair: Pair, motion: Motions) -> tuple[Floats, Floats]:
    """How near the points of each surface are to the other one, 1 on it, 0 beyond `CLOSE` spacings."""
    distance = CLOSE * pair.spacing
    there = covered(pair.first, pair.second, motion, distance)
    return there, covered(pair.second, pair.first, motion.inverse(), distance)


def _evidence(fine: FinePair, answers: Motions, ranked: Ranked) -> Evidence:
    """The statistics of the first answer; the margin is that over the best motion that is no answer."""
    pair, best = fine.pair, answers.take(np.arange(1))
    sides = _both_covered(pair, best)
    near = np.concatenate([side[side > 0] for side in sides])
    center = pair.first.points.mean(axis=0)
    places, others = answers.apply(center[None])[:, 0], ranked.motions.apply(center[None])[:, 0]
    cosines = (np.einsum("aij,sij->sa", answers.rotations, ranked.motions.rotations) - 1) / 2
    gaps = np.linalg.norm(others[:, None] - places, axis=2)
    answer = ((cosines > np.cos(_OTHER_ANGLE)) & (gaps < _OTHER_PLACE * pair.spacing)).any(axis=1)
    own, other = ranked.scores[answer].max(initial=-np.inf), ranked.scores[~answer].max(initial=-np.inf)
    agreement = ranked.agreement[answer].max(initial=1e-12)
    return Evidence(
        agreeing=int(support(pair.matches, best, pair.spacing)[0]),
        matches=len(pair.matches.points_1),
        overlap=(float((sides[0] > 0).mean()), float((sides[1] > 0).mean())),
        closeness=float(near.mean()) if len(near) else 0.0,
        fit=fine.share_that_fits(best),
        margin=float(np.clip((own - other) / agreement, 0, 1)) if answer.any() else 0.0,
    )
