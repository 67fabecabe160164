"""Tables of keypoints and of matches."""

from __future__ import annotations

import csv
from pathlib import Path

from torch import Tensor

from intertwine.ops.local_features import Keypoints
from intertwine.tasks.keypoints._match_images import ImageMatches

_COLUMNS = ("x", "y", "scale", "angle", "response")
_MATCH_COLUMNS = ("x1", "y1", "scale1", "angle1", "x2", "y2", "scale2", "angle2", "distance", "inlier")


def write_keypoints(path: Path, keypoints: Keypoints) -> None:
    """Write a table (CSV) of keypoints: positions and scales in pixels, angles in radians, responses.

    Args:
        path: The file.
        keypoints: The keypoints.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for index, response in enumerate(keypoints.responses.tolist()):
            rows.writerow([*_frame(keypoints, index), f"{response:.5g}"])


def write_matches(path: Path, matches: ImageMatches, inliers: Tensor | None = None) -> None:
    """Write a table (CSV) of matches: positions and scales in pixels, angles in radians; inlier is 0, 1 or empty.

    Args:
        path: The file.
        matches: The matches.
        inliers: ``(K,)`` bool, or None.
    """
    flags = [""] * len(matches.pairs) if inliers is None else [str(int(flag)) for flag in inliers.tolist()]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_MATCH_COLUMNS)
        for pair, distance, flag in zip(matches.pairs.tolist(), matches.distances.tolist(), flags, strict=True):
            cells: list[str] = []
            for points, index in zip(matches.keypoints, pair, strict=True):
                cells += _frame(points, index)
            rows.writerow([*cells, f"{distance:.5f}", flag])


def _frame(keypoints: Keypoints, index: int) -> list[str]:
    """The position, scale and angle of a keypoint."""
    x, y = keypoints.positions[index].tolist()
    return [f"{x:.3f}", f"{y:.3f}", f"{float(keypoints.scales[index]):.3f}", f"{float(keypoints.angles[index]):.5f}"]
