"""Tables of matches."""

from __future__ import annotations

import csv
from pathlib import Path

from torch import Tensor

from intertwine.tasks.keypoints._match_images import ImageMatches

_COLUMNS = ("x1", "y1", "scale1", "angle1", "x2", "y2", "scale2", "angle2", "distance", "inlier")


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
        rows.writerow(_COLUMNS)
        for pair, distance, flag in zip(matches.pairs.tolist(), matches.distances.tolist(), flags, strict=True):
            cells: list[str] = []
            for points, index in zip(matches.keypoints, pair, strict=True):
                x, y = points.positions[index].tolist()
                cells += [
                    f"{x:.3f}",
                    f"{y:.3f}",
                    f"{float(points.scales[index]):.3f}",
                    f"{float(points.angles[index]):.5f}",
                ]
            rows.writerow([*cells, f"{distance:.5f}", flag])
