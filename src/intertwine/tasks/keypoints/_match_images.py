"""Keypoints of an image and matches of two, by SIFT or by a trained detector."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data import ImageFile, read_image, to_float
from intertwine.ops.local_features import Keypoints, match_descriptors, sift

_LUMA = (0.299, 0.587, 0.114)


class ImageKeypoints(NamedTuple):
    """The keypoints of an image.

    Attributes:
        image: ``(C, H, W)`` float32 within 0 .. 1.
        keypoints: Best first.
        remarks: What was done to read the file.
    """

    image: Tensor
    keypoints: Keypoints
    remarks: tuple[str, ...]


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


def find_keypoints(
    path: str | os.PathLike[str],
    *,
    max_keypoints: int | None = 4096,
    extract: Callable[[Tensor, int | None], Keypoints] = sift,
) -> ImageKeypoints:
    """The keypoints of an image file.

    Args:
        path: An image file.
        max_keypoints: The most keypoints.
        extract: A gray image ``(H, W)``, 0 to 1, and a number to at most that many keypoints: `sift`, or
            `KeypointPredictor.extract` of a trained model.

    Raises:
        UsageError: The file is missing or cannot be read.
    """
    return _extracted(read_image(path), max_keypoints, extract)


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
        extract: As that of `find_keypoints`.

    Raises:
        UsageError: A file is missing or cannot be read.
    """
    files = [read_image(path) for path in (first, second)]
    left, right = (_extracted(file, max_keypoints, extract) for file in files)
    pairs, distances = match_descriptors(left.keypoints.descriptors, right.keypoints.descriptors, ratio=ratio)
    remarks = tuple(
        f"{path}: {text}" for path, file in zip((first, second), files, strict=True) for text in file.remarks
    )
    return ImageMatches((left.image, right.image), (left.keypoints, right.keypoints), pairs, distances, remarks)


def _extracted(
    file: ImageFile, max_keypoints: int | None, extract: Callable[[Tensor, int | None], Keypoints]
) -> ImageKeypoints:
    image = to_float(file.pixels)
    return ImageKeypoints(image, extract(_gray(image), max_keypoints), file.remarks)


def _gray(image: Tensor) -> Tensor:
    """The luma of an image ``(C, H, W)``."""
    if len(image) == 1:
        return image[0]
    return torch.einsum("c,chw->hw", torch.tensor(_LUMA, dtype=image.dtype), image)
