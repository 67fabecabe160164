"""Images in memory: arrays, tensors, images of Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import ImageLayout, ImageSet

_DEPTHS = (1, 3)


def images_in_memory(data: Any, layout: ImageLayout, chunk: int, **fields: Any) -> Iterator[ImageSet]:
    """The images of arrays, in the layout of a run.

    Args:
        data: As `ImagePredictor.from_memory` says.
        layout: Of the images of the run.
        chunk: How many at a time.
        fields: None that is known.

    Raises:
        UsageError: An image is not what was expected.
    """
    if fields:
        raise UsageError(f"images have no further fields, got {', '.join(fields)}")
    whole = as_pixels(data) if not isinstance(data, list | tuple) else None
    images = [as_pixels(one)[0] for one in data] if whole is None else list(whole)
    if not images:
        raise UsageError("expected an image or images, got none")
    for begin in range(0, len(images), chunk):
        some = images[begin : begin + chunk]
        squares = [layout.apply(one) for one in some]
        if any(one.dtype != torch.uint8 for one in squares):
            squares = [one.to(torch.float32) / 255 if one.dtype == torch.uint8 else one for one in squares]
        sides = {name: torch.tensor([one.shape[axis] for one in some]) for name, axis in (("height", 1), ("width", 2))}
        names = [str(number) for number in range(begin + 1, begin + len(some) + 1)]
        yield ImageSet(torch.stack(squares), sides, names=names)


def as_pixels(data: Any) -> Tensor:
    """(N, C, H, W) uint8 or float32, of one image or many.

    Raises:
        UsageError: It is no image, or has a number that is not finite or outside of 0 .. 1.
    """
    if isinstance(data, str | Path):
        raise UsageError(f"expected images, got the text {str(data)!r}; files are predicted one folder at a time")
    try:
        values = torch.as_tensor(data.detach().cpu() if isinstance(data, Tensor) else np.array(data))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"expected an image as an array, got {type(data).__name__}") from error
    if values.ndim == 3 and values.shape[0] not in _DEPTHS and values.shape[2] in _DEPTHS:
        values = values.movedim(2, 0)
    elif values.ndim == 4 and values.shape[1] not in _DEPTHS and values.shape[3] in _DEPTHS:
        values = values.movedim(3, 1)
    shape = tuple(values.shape)
    values = values[None, None] if values.ndim == 2 else values[None] if values.ndim == 3 else values
    if values.ndim != 4 or values.shape[1] not in _DEPTHS or not all(values.shape[1:]):
        raise UsageError(f"expected images (H, W), (H, W, C) or (N, C, H, W), C = 1 or 3; got {shape}")
    if values.dtype == torch.uint8:
        return values
    if not values.is_floating_point() or not bool(((values >= 0) & (values <= 1)).all()):
        raise UsageError("expected images as bytes, or as floating-point numbers from 0 to 1")
    return values.to(torch.float32)
