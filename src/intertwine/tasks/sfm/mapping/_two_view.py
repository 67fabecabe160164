"""Two-view geometry of all pairs of cameras that share points: essential matrices by OpenCV's RANSAC."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks import Tracks

LEAST_MATCHES = 16
"""The least number of common points, and of those that agree, of a pair of cameras."""
_MOST_NEIGHBORS = 24


class CameraPair(NamedTuple):
    """Two cameras with their relative pose: ``x -> R x + t`` from the frame of the first to that of the second.

    Attributes:
        first: Number of a camera.
        second: Number of another.
        rotation: ``(3, 3)``.
        translation: ``(3,)``, of length 1.
        matches: How many common points agree.
        angle: The median parallax of these points, degrees.
        inliers: ``(matches,)``, the numbers of these points.
    """

    first: int
    second: int
    rotation: Tensor
    translation: Tensor
    matches: int
    angle: float
    inliers: Tensor


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
        if essential is None or essential.shape != (3, 3):
            return None
        _, rotation, translation, mask = cv2.recoverPose(essential, first, second, np.eye(3), mask=mask)
    except cv2.error:
        return None
    good = mask[:, 0] > 0
    if int(good.sum()) < LEAST_MATCHES:
        return None
    rays = [np.concatenate([xy[good], np.ones((int(good.sum()), 1))], 1) for xy in (first, second)]
    turned = rays[0] @ rotation.T
    cosine = (turned * rays[1]).sum(1) / np.linalg.norm(turned, axis=1) / np.linalg.norm(rays[1], axis=1)
    angle = float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))
    return torch.from_numpy(rotation), torch.from_numpy(translation[:, 0]), good, angle
