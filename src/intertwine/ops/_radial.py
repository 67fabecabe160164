"""Radial functions: a basis on [0, cutoff] and an envelope that ends it smoothly."""

from __future__ import annotations

import torch
from torch import Tensor


def smooth_cutoff(distances: Tensor, cutoff: float, power: int = 6) -> Tensor:
    """Polynomial envelope: 1 at zero, 0 from the cutoff on, with two continuous derivatives.

        u(d) = 1 - (p+1)(p+2)/2 d^p + p(p+2) d^{p+1} - p(p+1)/2 d^{p+2},   d = distance / cutoff

    Args:
        distances: Any shape, in the unit of ``cutoff``.
        cutoff: Where it ends.
        power: p; larger values fall later and more steeply.

    Returns:
        The shape of ``distances``.

    Reference: Gasteiger, Gross, Guennemann, Directional message passing, ICLR 2020, eq. 8.

    Example:
        >>> smooth_cutoff(torch.tensor([0.0, 5.0, 6.0]), 5.0).tolist()
        [1.0, 0.0, 0.0]
    """
    d, p = distances / cutoff, float(power)
    rising = (p + 1) * (p + 2) / 2 - p * (p + 2) * d + p * (p + 1) / 2 * d * d
    return torch.where(d < 1, 1 - rising * d**power, 0.0)


def bessel_basis(distances: Tensor, cutoff: float, count: int) -> Tensor:
    """Spherical Bessel functions of order zero that vanish at the cutoff.

        b_n(d) = sqrt(2 / cutoff) sin(n pi d / cutoff) / d,   n = 1 .. count

    times ``cutoff sqrt(cutoff / 2) / pi``, so that the value at zero is n whatever the unit of length.

    Args:
        distances: ``(E,)``.
        cutoff: In the unit of ``distances``.
        count: How many functions.

    Returns:
        ``(E, count)``; finite and smooth at distance zero.

    Reference: Gasteiger, Gross, Guennemann, Directional message passing, ICLR 2020, eq. 7.

    Example:
        >>> bessel_basis(torch.tensor([0.0, 2.0]), 2.0, 2).round(decimals=4).abs().tolist()
        [[1.0, 2.0], [0.0, 0.0]]
    """
    orders = torch.arange(1, count + 1, dtype=distances.dtype, device=distances.device)
    return orders * torch.sinc(distances[..., None] * (orders / cutoff))
