"""Two-view geometry of all pairs of cameras that share points: essential matrices by OpenCV's RANSAC."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks import Tracks

LEAST_MATCHES = 16
"""The least number of common points, and of those that agree, of a pair of cameras."""
WIDENING = (50.0, 20.0, 8.0, 3.0, 1.0)
"""Factors of the threshold of inliers, one after the other, where all cameras start from a network."""
LEAST_AGREEMENT = 0.75
"""The least share, of the observations that agree with pairs, that agrees with a network's start after adjustment."""
_MOST_NEIGHBORS = 24


class CameraPair(NamedTuple):
    """Two cameras with their relative pose: ``x -> R x + t`` from the frame of the first to that of the second.

    Attributes:
        first: Number of a camera.
        second: Number of another.
        rotation: ``(3, 3)``.
        translation: ``(3,)``, of length 1.
        matches: How many common points agree.
        angle: The median parallax of these points, degrees; zero where a rotation alone explains what is seen.
        inliers: ``(matches,)``, the numbers of these points.
    """

    first: int
    second: int
    rotation: Tensor
    translation: Tensor
    matches: int
    angle: float
    inliers: Tensor


def joined_cameras(pairs: Sequence[tuple[int, int]]) -> set[int]:
    """The cameras that pairs join to the first of them.

    >>> sorted(joined_cameras([(0, 1), (3, 4), (2, 1)]))
    [0, 1, 2]
    """
    joined, grown = {pairs[0][0]}, True
    while grown:
        near = {end for pair in pairs for end in pair if {*pair} & joined}
        grown = not near <= joined
        joined |= near
    return joined


def require_opencv() -> None:
    """Raise a `UsageError` when OpenCV is not installed."""
    if find_spec("cv2") is None:
        raise UsageError('structure from motion needs OpenCV, which is not installed: pip install "intertwine[sfm]"')


def camera_pairs(tracks: Tracks, threshold: float = 3.0) -> list[CameraPair]:
    """The pairs of cameras whose common points agree with a relative pose, the best supported first.

    Args:
        tracks: Sorted by points.
        threshold: The largest distance of an inlier from its epipolar line, pixels.
    """
    xy, focal = tracks.normalized().numpy(), tracks.focal().mean(1).numpy()
    camera, point = tracks.camera.numpy(), tracks.point.numpy()
    rows = [np.flatnonzero(camera == number) for number in range(tracks.num_cameras)]
    rows = [each[np.unique(point[each], return_index=True)[1]] for each in rows]
    found = []
    for first, second in _candidates(tracks):
        common, a, b = np.intersect1d(point[rows[first]], point[rows[second]], True, True)
        if len(common) < LEAST_MATCHES:
            continue
        a, b = rows[first][a], rows[second][b]
        size = threshold / float(np.sqrt(focal[a[0]] * focal[b[0]]))
        pose = _relative_pose(xy[a], xy[b], size)
        if pose is not None:
            rotation, translation, good, angle = pose
            inliers = torch.from_numpy(common[good])
            found.append(CameraPair(first, second, rotation, translation, len(inliers), angle, inliers))
    return sorted(found, key=lambda pair: (-pair.matches, pair.first, pair.second))


def _candidates(tracks: Tracks) -> list[tuple[int, int]]:
    """Pairs with common points: all of them, or in large scenes those with the most for each camera."""
    from scipy.sparse import coo_array

    shape = (tracks.num_cameras, tracks.num_points)
    ones = np.ones(len(tracks.camera), np.int32)
    seen = coo_array((ones, (tracks.camera.numpy(), tracks.point.numpy())), shape=shape).tocsr()
    seen.data[:] = 1
    shared = np.triu((seen @ seen.T).toarray(), 1)
    both = shared + shared.T
    keep = np.zeros_like(both, dtype=bool)
    nearest = np.argsort(-both, axis=1, kind="stable")[:, :_MOST_NEIGHBORS]
    np.put_along_axis(keep, nearest, True, axis=1)
    first, second = np.nonzero(np.triu((keep | keep.T) & (both >= LEAST_MATCHES), 1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _relative_pose(
    first: np.ndarray, second: np.ndarray, threshold: float
) -> tuple[Tensor, Tensor, np.ndarray, float] | None:
    """Rotation, translation, inliers and median parallax in degrees; None where too few points agree."""
    import cv2

    cv2.setRNGSeed(0)
    try:
        essential, mask = cv2.findEssentialMat(
            first, second, np.eye(3), method=cv2.USAC_MAGSAC, prob=0.9999, threshold=threshold, maxIters=5000
        )
        if essential is None or essential.shape != (3, 3) or int(mask.sum()) < LEAST_MATCHES:
            return None
        rays = [_unit_rays(xy) for xy in (first, second)]
        agree = mask[:, 0] > 0
        if _only_turned([each[agree] for each in rays], threshold):
            return torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), agree, 0.0
        _, rotation, translation, mask = cv2.recoverPose(essential, first, second, np.eye(3), mask=mask)
    except cv2.error:
        return None
    good = mask[:, 0] > 0
    if int(good.sum()) < LEAST_MATCHES:
        return None
    angle = float(np.degrees(_median_angle([each[good] for each in rays], rotation)))
    return torch.from_numpy(rotation), torch.from_numpy(translation[:, 0]), good, angle


def _unit_rays(xy: np.ndarray) -> np.ndarray:
    rays = np.concatenate([xy, np.ones((len(xy), 1))], 1)
    unit: np.ndarray = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return unit


def _only_turned(rays: list[np.ndarray], threshold: float) -> bool:
    """Whether the best rotation alone takes the first rays to the second ones."""
    left, _, right = np.linalg.svd(rays[1].T @ rays[0])
    rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return _median_angle(rays, rotation) <= threshold / 2


def _median_angle(rays: list[np.ndarray], rotation: np.ndarray) -> float:
    """The median angle between the second rays and the first, rotated; radians."""
    turned = rays[0] @ rotation.T
    return float(np.median(2 * np.arcsin(np.clip(np.linalg.norm(turned - rays[1], axis=1) / 2, 0, 1))))
