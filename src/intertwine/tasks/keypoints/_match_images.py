"""Matches of two images by SIFT or by a trained detector."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data import read_image, to_float
from intertwine.ops.local_features import Keypoints, match_descriptors, sift

_LUMA = (0.299, 0.587, 0.114)


class ImageMatches(NamedTuple):
    """The keypoints of two images and their matches.

    Attributes:
        images: Both images, ``(C, H, W)`` float32 within 0 .. 1.
        keypoints: Of both images.
        pairs: ``(K, 2)`` indices of matched keypoints, best first.
        distances: ``(K,)`` of their descriptors.
        remarks: What was done to read the files.
    """

    images: tuple[Tensor, Tensor]
    keypoints: tuple[Keypoints, Keypoints]
    pairs: Tensor
    distances: Tensor
    remarks: tuple[str, ...]

    @property
    def points(self) -> tuple[Tensor, Tensor]:
        """The matched positions in both images, ``(K, 2)`` each."""
        first, second = self.keypoints
        return first.positions[self.pairs[:, 0]], second.positions[self.pairs[:, 1]]


def match_images(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    max_keypoints: int | None = 4096,
    ratio: float | None = 0.8,
    extract: Callable[[Tensor, int | None], Keypoints] = sift,
) -> ImageMatches:
    """The matches of two image files.

    Args:
        first: An image file.
        second: An image file.
        max_keypoints: The most keypoints of an image.
        ratio: The ratio test of `match_descriptors`.
        extract: A gray image ``(H, W)``, 0 to 1, and a number to at most that many keypoints: `sift`, or
            `KeypointPredictor.extract` of a trained model.

    Raises:
        UsageError: A file is missing or cannot be read.
    """
    found = [read_image(path) for path in (first, second)]
    left, right = (to_float(image.pixels) for image in found)
    keypoints = extract(_gray(left), max_keypoints), extract(_gray(right), max_keypoints)
    pairs, distances = match_descriptors(keypoints[0].descriptors, keypoints[1].descriptors, ratio=ratio)
    remarks = tuple(
        f"{path}: {text}" for path, image in zip((first, second), found, strict=True) for text in image.remarks
    )
    return ImageMatches((left, right), keypoints, pairs, distances, remarks)


def _gray(image: Tensor) -> Tensor:
    """The luma of an image ``(C, H, W)``."""
    if len(image) == 1:
        return image[0]
    return torch.einsum("c,chw->hw", torch.tensor(_LUMA, dtype=image.dtype), image)
