"""Two-view geometry from matched points: homography, fundamental and essential matrix, by OpenCV's USAC."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError

GEOMETRIES = {"homography": 4, "fundamental": 8, "essential": 5}
"""The models, and the least number of matches of each."""


class TwoViewGeometry(NamedTuple):
    """A model of two views and the matches that agree with it.

    Attributes:
        kind: "homography", "fundamental" or "essential".
        matrix: ``(3, 3)``, float64; None if the matches fix none. A homography takes points of the first image to the
            second; the others have ``x2^T F x1 = 0``.
        inliers: ``(K,)`` bool.
    """

    kind: str
    matrix: Tensor | None
    inliers: Tensor


def has_opencv() -> bool:
    """Whether OpenCV is installed."""
    return find_spec("cv2") is not None


def two_view_geometry(
    kind: str,
    first: Tensor,
    second: Tensor,
    *,
    threshold: float = 3.0,
    focal: float | None = None,
    centers: tuple[Tensor, Tensor] | None = None,
) -> TwoViewGeometry:
    """A model of matched points that outliers do not disturb.

    Args:
        kind: One of `GEOMETRIES`.
        first: ``(K, 2)``, pixels.
        second: ``(K, 2)``, the matched points.
        threshold: The largest error of an inlier, in pixels.
        focal: Of both cameras in pixels; for the essential matrix.
        centers: Principal points ``(2,)`` of both cameras; for the essential matrix.

    Raises:
        UsageError: There is no such model, OpenCV is not installed, or the focal length is missing.

    Reference: Barath et al., MAGSAC++, CVPR 2020, eq. 8.
    """
    if kind not in GEOMETRIES:
        raise UsageError(f'expected one of {", ".join(GEOMETRIES)}, got "{kind}"')
    if kind == "essential" and (focal is None or centers is None or not focal > 0):
        raise UsageError("the essential matrix needs the focal length of the camera: give --focal PIXELS, above 0")
    if not has_opencv():
        raise UsageError(
            'the geometry of two views needs OpenCV, which is not installed: pip install "intertwine[images]"'
        )
    none = TwoViewGeometry(kind, None, torch.zeros(len(first), dtype=torch.bool))
    if len(first) < GEOMETRIES[kind]:
        return none
    if kind == "essential" and focal is not None and centers is not None:
        first, second = ((points - center) / focal for points, center in zip((first, second), centers, strict=True))
        threshold = threshold / focal
    matrix, mask = _estimate(kind, first.to(torch.float64).numpy(), second.to(torch.float64).numpy(), threshold)
    if matrix is None or mask is None or matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        return none
    return TwoViewGeometry(kind, torch.from_numpy(matrix), torch.from_numpy(mask.reshape(-1) != 0))


def _estimate(kind: str, first: Any, second: Any, threshold: float) -> tuple[Any, Any]:
    import cv2

    cv2.setRNGSeed(0)
    try:
        if kind == "homography":
            matrix, mask = cv2.findHomography(
                first, second, cv2.USAC_MAGSAC, threshold, maxIters=10_000, confidence=0.9999
            )
        elif kind == "fundamental":
            matrix, mask = cv2.findFundamentalMat(first, second, cv2.USAC_MAGSAC, threshold, 0.9999, 10_000)
        else:
            matrix, mask = cv2.findEssentialMat(first, second, np.eye(3), cv2.USAC_MAGSAC, 0.9999, threshold)
    except cv2.error:  # degenerate points
        return None, None
    return matrix, mask
