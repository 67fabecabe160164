"""Sets of images from arrays: the order of the axes, the range of the numbers, labels and masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data._lazy_names import LazyNames
from intertwine.data._split import SPLIT_PARTS, split_from_parts
from intertwine.data.images._arrays import ImageArrays
from intertwine.data.images._image_set import IGNORED, ImageSet
from intertwine.data.images._labels import label_fields, mask_classes
from intertwine.data.images._layout import ImageLayout, fit_mask

_DEPTHS = (1, 3)


def unpack_arrays(
    parts: Sequence[ImageArrays],
    path: Path,
    size: int | None,
    channels: int | None,
    labels: str | None,
    *,
    labeled: bool = True,
) -> ImageSet:
    """The images of arrays, one part after the other.

    Args:
        parts: The arrays.
        path: Where they come from, for names and errors.
        size: As `read_images`.
        channels: As `read_images`.
        labels: As `read_images`.
        labeled: Whether they must have labels, or masks.

    Raises:
        UsageError: The arrays are no images, differ in shape, or have no labels.
    """
    images = [channels_first(part.images, path) for part in parts]
    shapes = {tuple(one.shape[1:]) for one in images}
    if len(shapes) > 1 or not sum(map(len, images)):
        raise UsageError(f"{path}: expected images of one shape, got {sorted(shapes)}")
    pixels = torch.cat(images)
    depth, height, width = pixels.shape[1:]
    layout, remarks = ImageLayout.of_images([(height, width, depth)], size, channels)
    squares = pixels
    if (layout.channels, layout.size, layout.size) != (depth, height, width):
        squares = torch.stack([layout.apply(one) for one in pixels])
    fields: dict[str, Tensor] = {}
    pixel_fields: dict[str, Tensor] = {}
    names: dict[str, tuple[str, ...]] = {}
    if not labeled:
        fields = {"height": torch.full((len(pixels),), height), "width": torch.full((len(pixels),), width)}
    elif all(part.masks is not None for part in parts) and labels in (None, "masks"):
        values, names["masks"], remark = mask_classes(_masks(parts, layout, path))
        pixel_fields, remarks = {"masks": values}, (*remarks, *remark)
    else:
        fields, names = label_fields([label for part in parts for label in _labels(part, path)], labels, str(path))
    split = None
    if all(part.part for part in parts):
        split = split_from_parts(
            torch.cat([torch.full((len(part.images),), SPLIT_PARTS.index(part.part)) for part in parts])
        )
    numbers = LazyNames(np.arange(len(pixels)), prefix=f"{path.name}/")
    return ImageSet(squares, fields, pixel_fields, names, numbers, split, remarks=remarks)


def channels_first(images: npt.NDArray[Any], path: Path) -> Tensor:
    """(N, C, H, W) of (N, H, W), (N, H, W, C) or (N, C, H, W): uint8, or float32 in 0 .. 1.

    Raises:
        UsageError: It is none of these, or has a number that is not finite.
    """
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] in _DEPTHS and images.shape[1] not in _DEPTHS:
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in _DEPTHS or not all(images.shape[1:]):
        raise UsageError(f"{path}: expected images (N, H, W) or (N, H, W, C), C = 1 or 3; got {images.shape}")
    if images.dtype == np.uint8:
        return torch.from_numpy(np.array(images))
    if images.dtype.kind not in "uifb":
        raise UsageError(f"{path}: expected images of numbers, got {images.dtype}")
    values = images.astype(np.float32)
    if not np.isfinite(values).all():
        raise UsageError(
            f"{path}: image {int(np.argwhere(~np.isfinite(values))[0][0])} has a number that is not finite"
        )
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        return torch.from_numpy(values)
    top = 255.0 if low >= 0 and high <= 255 else 65535.0 if low >= 0 and high <= 65535 else 0.0
    scaled = values / top if top else (values - low) / (high - low)
    return torch.from_numpy(scaled.astype(np.float32))


def _labels(part: ImageArrays, path: Path) -> list[str]:
    if part.labels is None:
        raise UsageError(f"{path}: no labels; expected a file of labels beside it, or an array labels in it")
    if part.labels.ndim != 1:
        raise UsageError(f"{path}: expected one label for each image, got an array {part.labels.shape}")
    return [str(value) for value in part.labels.tolist()]


def _masks(parts: Sequence[ImageArrays], layout: ImageLayout, path: Path) -> Tensor:
    masks = np.concatenate([part.masks for part in parts if part.masks is not None])
    if masks.dtype.kind not in "uib" or masks.ndim != 3 or (masks.size and not 0 <= masks.min() <= masks.max() < 256):
        raise UsageError(f"{path}: expected masks (N, H, W) of integers from 0 to 255, got {masks.dtype} {masks.shape}")
    squares = torch.from_numpy(masks.astype(np.uint8))
    return torch.stack([fit_mask(one, layout.size, IGNORED) for one in squares])
