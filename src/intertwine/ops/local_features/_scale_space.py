"""Gaussian scale space of an image in octaves, symmetric about the center of the image."""

from __future__ import annotations

from math import ceil, log2, sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

INPUT_BLUR = 0.5
"""The blur that an image is taken to have, in its own pixels."""
_BLOCK = 32
"""Pixels of a block of a convolution along an axis."""


class Octave(NamedTuple):
    """One octave.

    Attributes:
        levels: ``(intervals + 3, height, width)``, blurred by ``sigma 2^(level / intervals)`` of its own pixels.
        step: The size of its pixel in pixels of the image.
        origin: ``(2,)``, x and y of its upper left pixel in the image.
    """

    levels: Tensor
    step: float
    origin: Tensor


def scale_space(image: Tensor, sigma: float, intervals: int, smallest: int = 12) -> list[Octave]:
    """The octaves of an image, the first of twice the resolution.

    The grids of all octaves have the symmetries of the image: bilinear interpolation halves the pixels, and a coarser
    octave takes every second pixel along an axis of odd length, the means of pairs along one of
    even length (with the blur of that mean accounted for).

    Args:
        image: ``(height, width)``, floating point.
        sigma: The blur of the first level of each octave, in its pixels.
        intervals: Levels to the double blur.
        smallest: The shorter side of the smallest octave, in pixels.

    Cost: for the image of N pixels about ``5.3 N (intervals + 3)`` separable convolutions.
    """
    base = functional.interpolate(image[None, None], scale_factor=2.0, mode="bilinear")[0, 0]
    step, origin = 0.5, torch.full((2,), -0.25, dtype=image.dtype)
    missing = sqrt(max(sigma**2 - 4 * INPUT_BLUR**2, 0.01))
    base = _blur_axis(_blur_axis(base, missing, 0), missing, 1)
    count = max(int(log2(max(min(base.shape), 1) / smallest)) + 1, 1) if min(base.shape) >= smallest else 0
    octaves = []
    for index in range(count):
        levels = base.new_empty(intervals + 3, *base.shape)
        levels[0] = base
        for level in range(1, intervals + 3):
            before = sigma * 2 ** ((level - 1) / intervals)
            blur = before * sqrt(2 ** (2 / intervals) - 1)
            _blur_axis(_blur_axis(levels[level - 1], blur, 0), blur, 1, levels[level])
        octaves.append(Octave(levels, step, origin))
        if index + 1 < count:
            even = [size % 2 == 0 for size in base.shape]
            # From the level below the double blur, so that what the means of pairs add can be left out.
            known = sigma * 2 ** ((intervals - 1) / intervals)
            blurs = [sqrt((2 * sigma) ** 2 - 0.25 * pairs - known**2) for pairs in even]
            base = levels[intervals - 1]
            for axis, blur in enumerate(blurs):
                base = _halve(_blur_axis(base, blur, axis), axis)
            shift = torch.tensor([0.5 * step * even[1], 0.5 * step * even[0]], dtype=image.dtype)
            step, origin = 2 * step, origin + shift
    return octaves


def _halve(image: Tensor, axis: int) -> Tensor:
    size = image.shape[axis]
    index = torch.arange(0, size - 1 + size % 2, 2)
    taken = image.index_select(axis, index)
    return taken if size % 2 else (taken + image.index_select(axis, index + 1)) / 2


def _blur_axis(image: Tensor, sigma: float, axis: int, result: Tensor | None = None) -> Tensor:
    """Gaussian blur along an axis; the image is mirrored at its border, or repeated where it is too small for that."""
    reach = ceil(4 * sigma)
    taps = torch.arange(-reach, reach + 1, dtype=image.dtype)
    weights = torch.exp(-(taps**2) / (2 * sigma**2))
    return _convolve(image, weights / weights.sum(), axis, torch.empty_like(image) if result is None else result)


def _convolve(image: Tensor, weights: Tensor, axis: int, result: Tensor) -> Tensor:
    """Convolution along an axis: products with a band matrix, block by block, several times as fast as `conv2d`."""
    reach, size = len(weights) // 2, image.shape[axis]
    places = torch.arange(-reach, size + reach)
    mirrored = (size - 1) - ((size - 1) - places.abs()).abs()
    padded = image.index_select(axis, mirrored if size > reach else places.clamp(0, size - 1))
    band = functional.pad(weights, (_BLOCK - 1, _BLOCK - 1)).unfold(0, _BLOCK + 2 * reach, 1).flip(0)
    for start in range(0, size, _BLOCK):
        length = min(_BLOCK, size - start)
        rows, inputs = band[:length, : length + 2 * reach], padded.narrow(axis, start, length + 2 * reach)
        target = result.narrow(axis, start, length)
        if axis == 0:
            torch.mm(rows, inputs, out=target)
        else:
            torch.mm(inputs, rows.T, out=target)
    return result
