"""Blur and taper."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

_REACH = 3.5


def gaussian_blur(image: Tensor, sigma: float, *, crop: bool = False) -> Tensor:
    """Blur images ``(C, H, W)`` by a Gaussian of a standard deviation in pixels.

    Args:
        image: The images.
        sigma: The standard deviation.
        crop: Leave out the margin that the edge has touched; else what is beyond the edge is as on the edge.
    """
    margin = ceil(_REACH * sigma)
    steps = torch.arange(-margin, margin + 1, dtype=image.dtype)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    stack = image.unsqueeze(1)
    if not crop:
        stack = functional.pad(stack, (margin,) * 4, mode="replicate")
    stack = functional.conv2d(stack, weights.view(1, 1, 1, -1))
    return functional.conv2d(stack, weights.view(1, 1, -1, 1)).squeeze(1)


def taper(height: int, width: int) -> Tensor:
    """A window ``(H, W)`` that falls to zero at the edges, with mean square one: of Hann, in both directions."""
    rows, columns = (
        torch.sin(torch.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n) ** 2 for n in (height, width)
    )
    window = rows[:, None] * columns
    return window / window.square().mean().sqrt()
