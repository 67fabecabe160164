"""Gaussian scale space of an image in octaves, symmetric about the center of the image."""

from __future__ import annotations

from math import ceil, log2, sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

INPUT_BLUR = 0.5
"""The blur that an image is taken to have, in its own pixels."""


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
    base = _blur(base, *[sqrt(max(sigma**2 - 4 * INPUT_BLUR**2, 0.01))] * 2)
    count = max(int(log2(max(min(base.shape), 1) / smallest)) + 1, 1) if min(base.shape) >= smallest else 0
    octaves = []
    for index in range(count):
        levels = [base]
        for level in range(1, intervals + 3):
            before = sigma * 2 ** ((level - 1) / intervals)
            blur = before * sqrt(2 ** (2 / intervals) - 1)
            levels.append(_blur(levels[-1], blur, blur))
        octaves.append(Octave(torch.stack(levels), step, origin))
        if index + 1 < count:
            even = [size % 2 == 0 for size in base.shape]
            # From the level below the double blur, so that what the means of pairs add can be left out.
            known = sigma * 2 ** ((intervals - 1) / intervals)
            blurs = [sqrt((2 * sigma) ** 2 - 0.25 * pairs - known**2) for pairs in even]
            base = _halve(_halve(_blur(levels[intervals - 1], *blurs), 0), 1)
            shift = torch.tensor([0.5 * step * even[1], 0.5 * step * even[0]], dtype=image.dtype)
            step, origin = 2 * step, origin + shift
    return octaves


def _halve(image: Tensor, axis: int) -> Tensor:
    size = image.shape[axis]
    index = torch.arange(0, size - 1 + size % 2, 2)
    taken = image.index_select(axis, index)
    return taken if size % 2 else (taken + image.index_select(axis, index + 1)) / 2


def _blur(image: Tensor, sigma_y: float, sigma_x: float) -> Tensor:
    """Separable Gaussian blur; the image is mirrored at its border, or repeated where it is too small for that."""
    out = image[None, None]
    for sigma, vertical in ((sigma_y, True), (sigma_x, False)):
        reach = ceil(4 * sigma)
        taps = torch.arange(-reach, reach + 1, dtype=image.dtype)
        weights = torch.exp(-(taps**2) / (2 * sigma**2))
        weights = weights / weights.sum()
        pad = (0, 0, reach, reach) if vertical else (reach, reach, 0, 0)
        size = image.shape[0 if vertical else 1]
        padded = functional.pad(out, pad, mode="reflect" if size > reach else "replicate")
        out = functional.conv2d(padded, weights[None, None, :, None] if vertical else weights[None, None, None])
    return out[0, 0]
