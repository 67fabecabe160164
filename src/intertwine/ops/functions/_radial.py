"""Radial functions: the Bessel basis on [0, cutoff] and the polynomial cutoff envelope."""

from __future__ import annotations

from math import factorial, pi

import torch
from torch import Tensor

_SMALL, _TERMS = 0.5, 8  # the first omitted term of the series is 0.5^18 / 19! = 3e-23


def smooth_cutoff(distances: Tensor, cutoff: float, power: int = 6) -> Tensor:
    """Polynomial envelope: 1 at zero, 0 from the cutoff on, with two continuous derivatives.

        u(d) = 1 - (p+1)(p+2)/2 d^p + p(p+2) d^{p+1} - p(p+1)/2 d^{p+2},   d = distance / cutoff

    Args:
        distances: Any shape, in the unit of ``cutoff``.
        cutoff: Distance from which the envelope is zero.
        power: p; for larger values the envelope falls later and more steeply.

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


def bessel_basis(distances: Tensor, cutoff: float, num_functions: int) -> Tensor:
    """Spherical Bessel functions of order zero that vanish at the cutoff.

        b_n(d) = sqrt(2 / cutoff) sin(n pi d / cutoff) / d,   n = 1 .. num_functions

    times ``cutoff sqrt(cutoff / 2) / pi``, so that the value at zero is n whatever the unit of length.

    Args:
        distances: ``(E,)``.
        cutoff: In the unit of ``distances``.
        num_functions: Number of basis functions.

    Returns:
        ``(E, num_functions)``; smooth at distance zero, to every order that is ever asked for.

    Reference: Gasteiger, Gross, Guennemann, Directional message passing, ICLR 2020, eq. 7.

    Example:
        >>> bessel_basis(torch.tensor([0.0, 2.0]), 2.0, 2).round(decimals=4).abs().tolist()
        [[1.0, 2.0], [0.0, 0.0]]
    """
    angle = distances * (pi / cutoff)
    first, factor = _sinc(angle), 2 * torch.cos(angle)
    values = [first, factor * first]  # sin(n x) / x = 2 cos(x) sin((n - 1) x) / x - sin((n - 2) x) / x
    while len(values) < num_functions:
        values.append(factor * values[-1] - values[-2])
    return torch.stack(values[:num_functions], -1)


def bessel_with_derivative(distances: Tensor, cutoff: float, num_functions: int) -> tuple[Tensor, Tensor]:
    """:func:`bessel_basis` and its derivative in the distance, where no further derivatives are asked for.

    Args:
        distances: As for :func:`bessel_basis`.
        cutoff: Likewise.
        num_functions: Likewise.

    Returns:
        Twice ``(E, num_functions)``.

    Example:
        >>> value, slope = bessel_with_derivative(torch.tensor([1.0], dtype=torch.float64), 2.0, 1)
        >>> value.round(decimals=4).tolist(), slope.round(decimals=4).tolist()
        ([[0.6366]], [[-0.6366]])
    """
    scaled = distances / cutoff
    n = torch.arange(1, num_functions + 1, device=scaled.device, dtype=scaled.dtype)
    angle, inverse = scaled[:, None] * (pi * n), scaled.reciprocal()[:, None]
    values = angle.sin().mul_(inverse / pi)
    slopes = angle.cos().mul_(n).sub_(values).mul_(inverse)
    if bool((scaled < _SMALL / pi).any()):  # some angles are small: a difference of nearly equal numbers
        square, small = angle.square().clamp(max=_SMALL**2), angle < _SMALL
        series, of_slope = torch.zeros_like(square), torch.zeros_like(square)
        for k in range(_TERMS, 0, -1):
            series = (series + (-1) ** k / factorial(2 * k + 1)) * square
            of_slope = of_slope * square + (-1) ** k * 2 * k / factorial(2 * k + 1)
        values = torch.where(small, n * (1 + series), values)
        slopes = torch.where(small, pi * n * n * angle * of_slope, slopes)
    return values, slopes / cutoff


def _sinc(angle: Tensor) -> Tensor:
    """sin(x) / x, by its Taylor series where x is small: a quotient would have wrong derivatives at zero."""
    small = angle.abs() < _SMALL
    square = torch.where(small, angle, 0.0) ** 2
    series = torch.ones_like(angle)
    for n in range(_TERMS, 0, -1):
        series = 1 - square / (2 * n * (2 * n + 1)) * series
    large = torch.where(small, 1.0, angle)
    return torch.where(small, series, torch.sin(large) / large)
