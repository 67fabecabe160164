"""Histograms with Gaussian bins, which change smoothly with the values."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_histogram(values: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Membership of each value in Gaussian bins whose standard deviation is their distance.

        h_k(v) = exp(-(v - c_k)^2 / (2 s^2)),    c_k = low + k s,    s = (high - low) / (bins - 1)

    Args:
        values: ``(...)``.
        low: Center of the first bin.
        high: Center of the last bin.
        bins: Number of bins, two at least.

    Returns:
        ``(..., bins)``; its mean over many values is their histogram.

    Example:
        >>> soft_histogram(torch.tensor([0.5]), 0.0, 1.0, 3)[0, 1]
        tensor(1.)
    """
    centers = torch.linspace(low, high, bins, dtype=values.dtype, device=values.device)
    return torch.exp(-0.5 * ((values[..., None] - centers) * ((bins - 1) / (high - low))).square())
