"""Rotations spread evenly over SO(3)."""

from __future__ import annotations

from math import pi, sqrt

import torch
from torch import Tensor

_PHI = sqrt(2.0)
_PSI = 1.533751168755204288118041


def spiral_rotations(count: int) -> Tensor:
    """``(count, 3, 3)`` float64: the super-Fibonacci spiral of unit quaternions.

    Args:
        count: How many.

    Reference: Alexa, Super-Fibonacci spirals: fast, low-discrepancy sampling of SO(3), CVPR 2022.

    Example:
        >>> spiral_rotations(100).shape
        torch.Size([100, 3, 3])
    """
    s = torch.arange(count, dtype=torch.float64) + 0.5
    inner, outer = (s / count).sqrt(), (1 - s / count).sqrt()
    alpha, beta = 2 * pi * s / _PHI, 2 * pi * s / _PSI
    x, y, z, w = inner * alpha.sin(), inner * alpha.cos(), outer * beta.sin(), outer * beta.cos()
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], dim=-1),
        torch.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], dim=-1),
        torch.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)
