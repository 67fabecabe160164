"""Repeatability of keypoints and accuracy of their matches, on pairs of windows with a known homography."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.ops import Keypoints, match_descriptors
from intertwine.tasks._results import Evaluation
from intertwine.tasks.keypoints._pairs import turned_pairs, warp_points

STEP = 15
"""Degrees between two angles of the curve."""
VIEW, KEYPOINTS = 240, 256
"""Side of the windows that are compared, and how many keypoints each has at most."""

Extractor = Callable[[Tensor, int], Keypoints]


class PairScore(NamedTuple):
    """How the keypoints of two images fit each other.

    Attributes:
        visible: Keypoints of both images that the other one shows, over two.
        repeated: How many of these have one of the other image within the tolerance, over two.
        matches: Mutual nearest neighbors among their descriptors.
        correct: How many of these are within the tolerance.
    """

    visible: float
    repeated: float
    matches: float
    correct: float

    @property
    def repeatability(self) -> float:
        """The share of the visible keypoints that are found in both images."""
        return self.repeated / max(self.visible, 1e-9)

    @property
    def accuracy(self) -> float:
        """The share of the matches that are correct."""
        return self.correct / max(self.matches, 1e-9)

    @property
    def matching_score(self) -> float:
        """The share of the visible keypoints that are matched correctly."""
        return self.correct / max(self.visible, 1e-9)

    @staticmethod
    def total(scores: Sequence[PairScore]) -> PairScore:
        """The sums over several pairs."""
        return PairScore(*(sum(values) for values in zip(*scores, strict=True))) if scores else PairScore(0, 0, 0, 0)


def score_pair(
    first: Keypoints, second: Keypoints, homography: Tensor, sizes: Sequence[tuple[int, int]], tolerance: float
) -> PairScore:
    """Compare the keypoints of two images.

    Args:
        first: Of the first image.
        second: Of the second.
        homography: ``(3, 3)``, from the first to the second.
        sizes: Height and width of both.
        tolerance: In pixels of the image into which a keypoint is moved.

    Reference: Mikolajczyk et al., IJCV 65 (2005) 43, for repeatability; Mikolajczyk and Schmid, PAMI 27 (2005) 1615.
    """
    there = warp_points(first.positions, homography)
    back = warp_points(second.positions, torch.linalg.inv(homography))
    seen_first, seen_second = _inside(there, sizes[1]), _inside(back, sizes[0])
    one, other = first.select(seen_first), second.select(seen_second)
    there, back = there[seen_first], back[seen_second]
    visible = (len(there) + len(back)) / 2
    if not len(there) or not len(back):
        return PairScore(visible, 0.0, 0.0, 0.0)
    near = torch.cdist(there, other.positions.to(there.dtype)).amin(1) <= tolerance
    near_back = torch.cdist(back, one.positions.to(back.dtype)).amin(1) <= tolerance
    pairs, _ = match_descriptors(one.descriptors, other.descriptors, ratio=None)
    distances = (there[pairs[:, 0]] - other.positions[pairs[:, 1]]).norm(dim=1)
    repeated = (int(near.sum()) + int(near_back.sum())) / 2
    return PairScore(visible, repeated, len(pairs), int((distances <= tolerance).sum()))


class AnglePoint(NamedTuple):
    """The scores of all photos at one angle."""

    degrees: int
    score: PairScore


def rotation_curve(
    photos: Sequence[Tensor],
    extract: Extractor,
    tolerance: float,
    *,
    seed: int = 0,
    view: int = VIEW,
    keypoints: int = KEYPOINTS,
    degrees: Sequence[int] = range(0, 181, STEP),
    progress: ProgressCallback = no_progress,
) -> list[AnglePoint]:
    """The scores of pairs of windows of photos, the second turned by every angle; see `turned_pairs`.

    Keypoints are taken from the inscribed discs, so that the same part of the photo is seen at every angle.

    Args:
        photos: ``(H, W)`` uint8.
        extract: An image ``(H, W)`` and a number to at most that many keypoints.
        tolerance: In pixels.
        seed: Of the homographies.
        view: Side of the windows.
        keypoints: The most of a window.
        degrees: The angles.
        progress: Called with the number of angles.
    """
    known: list[Keypoints] = []
    points: list[AnglePoint] = []
    for angle in degrees:
        pairs = turned_pairs(photos, float(angle), view, seed)
        known = known or [_within_disc(extract, image, keypoints) for image in pairs.first]
        turned = [_within_disc(extract, image, keypoints) for image in pairs.second]
        scores = [
            score_pair(a, b, homography, [(view, view)] * 2, tolerance)
            for a, b, homography in zip(known, turned, pairs.homographies, strict=True)
        ]
        points.append(AnglePoint(angle, PairScore.total(scores)))
        progress(len(points), len(degrees))
    return points


COLUMNS = ("", "repeatability", "accuracy", "matching score", "correct", "kept")


def cells(score: PairScore, upright: PairScore, photos: int) -> tuple[str, ...]:
    """A row of the table: the figures of one angle; "kept" is the number of correct matches over that at 0 degrees."""
    shares = (score.repeatability, score.accuracy, score.matching_score)
    kept = score.correct / max(upright.correct, 1e-9)
    return (*(f"{100 * value:.1f} %" for value in shares), f"{score.correct / photos:.1f}", f"{100 * kept:.1f} %")


def mean_score(points: Sequence[AnglePoint]) -> PairScore:
    """The mean over the angles."""
    return PairScore(*(value / len(points) for value in PairScore.total([point.score for point in points])))


def as_evaluation(points: Sequence[AnglePoint], name: str, photos: int, tolerance: float) -> Evaluation:
    """Tables and JSON of a curve."""
    upright = points[0].score
    worst = min(points, key=lambda point: point.score.correct)
    rows = (
        ("upright", *cells(upright, upright, photos)),
        ("mean over angles", *cells(mean_score(points), upright, photos)),
        (f"worst, {worst.degrees} degrees", *cells(worst.score, upright, photos)),
    )
    table = tuple((f"{point.degrees}", *cells(point.score, upright, photos)) for point in points)
    notes = (
        f"{photos:,} photos ({name}); the second view has a small homography, another light, and is turned; "
        f"keypoints and matches are right within {tolerance:g} pixels",
    )
    metrics: dict[str, Any] = {
        "data": name,
        "photos": photos,
        "tolerance": tolerance,
        "degrees": [point.degrees for point in points],
        "repeatability": [point.score.repeatability for point in points],
        "accuracy": [point.score.accuracy for point in points],
        "matching_score": [point.score.matching_score for point in points],
        "correct": [point.score.correct / photos for point in points],
    }
    return Evaluation(COLUMNS, rows, metrics, notes, ((("degrees", *COLUMNS[1:]), table),))


def _within_disc(extract: Extractor, image: Tensor, count: int) -> Keypoints:
    """The best keypoints of the inscribed disc of a square image."""
    found = extract(image, 2 * count)  # the disc is more than half of the square
    center = (len(image) - 1) / 2
    return found.select((found.positions - center).norm(dim=1) <= center).select(slice(count))


def _inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    x, y = points.unbind(1)
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
