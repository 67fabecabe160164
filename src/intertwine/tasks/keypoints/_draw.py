"""Pictures of keypoints and of matches, drawn with Pillow."""

from __future__ import annotations

from math import cos, sin
from typing import Any

import torch
from torch import Tensor

from intertwine.ops.local_features import Keypoints
from intertwine.tasks.keypoints._match_images import ImageMatches

_INLIER, _OUTLIER, _POINT = (90, 220, 130), (225, 95, 85), (255, 200, 60)
_MOST_LINES = 400
_THIN = 1000
"""Lines have a width of one pixel in a picture of so many."""


def draw_keypoints(image: Tensor, keypoints: Keypoints) -> Any:
    """A picture with a circle of radius 3 scales and a line along the angle for each keypoint.

    Args:
        image: ``(C, H, W)`` within 0 .. 1, or ``(H, W)``.
        keypoints: Its keypoints.

    Returns:
        A Pillow image.
    """
    from PIL import ImageDraw

    picture = _picture(image if image.ndim == 3 else image[None])
    pen = ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / _THIN))
    for (x, y), scale, angle in zip(
        keypoints.positions.tolist(), keypoints.scales.tolist(), keypoints.angles.tolist(), strict=True
    ):
        radius = 3 * scale
        box = [round(each) for each in (x - radius, y - radius, x + radius, y + radius)]
        spoke = [round(each) for each in (x, y, x + radius * cos(angle), y + radius * sin(angle))]
        pen.ellipse(box, outline=_POINT, width=width)
        pen.line(spoke, fill=_POINT, width=width)
    return picture


def draw_matches(matches: ImageMatches, inliers: Tensor | None = None) -> Any:
    """Both images side by side, with lines between matches: green for inliers, red for the others.

    Args:
        matches: The matches; the 400 best are drawn.
        inliers: ``(K,)`` bool; None to draw all matches in one color.

    Returns:
        A Pillow image.
    """
    from PIL import Image, ImageDraw

    left, right = (_picture(image) for image in matches.images)
    picture = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width, 0))
    pen = ImageDraw.Draw(picture)
    good = torch.ones(len(matches.pairs), dtype=torch.bool) if inliers is None else inliers
    order = torch.cat([(~good).nonzero()[:, 0], good.nonzero()[:, 0]])[-_MOST_LINES:]
    first, second = (points[order].tolist() for points in matches.points)
    for (x, y), (u, v), fits in zip(first, second, good[order].tolist(), strict=True):
        color = _INLIER if fits else _OUTLIER
        pen.line((x, y, u + left.width, v), fill=color)
        for a, b in ((x, y), (u + left.width, v)):
            pen.ellipse((a - 2, b - 2, a + 2, b + 2), outline=color)
    return picture


def _picture(image: Tensor) -> Any:
    from PIL import Image

    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).expand(3, -1, -1)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
