"""Gaussian blur and Hann window."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

_TRUNCATE = 3.5


def gaussian_blur(image: Tensor, sigma: float, *, crop: bool = False) -> Tensor:
    """The Gaussian blur of images ``(C, H, W)``.

    Args:
        image: The images.
        sigma: Standard deviation in pixels.
        crop: Whether to cut the margin that depends on pixels beyond the edge; else edge pixels are replicated.
    """
    margin = ceil(_TRUNCATE * sigma)
    steps = torch.arange(-margin, margin + 1, dtype=image.dtype)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    stack = image.unsqueeze(1)
    if not crop:
        stack = functional.pad(stack, (margin,) * 4, mode="replicate")
    stack = functional.conv2d(stack, weights.view(1, 1, 1, -1))
    return functional.conv2d(stack, weights.view(1, 1, -1, 1)).squeeze(1)


def hann_window(height: int, width: int) -> Tensor:
    """The separable Hann window ``(H, W)``, normalized to mean square one."""
    rows, columns = (
        torch.sin(torch.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n) ** 2 for n in (height, width)
    )
    window = rows[:, None] * columns
    return window / window.square().mean().sqrt()
