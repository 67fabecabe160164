"""Angular and radial functions of steerable filters: circular harmonics and smoothed rings."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def circular_harmonics(degree: int, points: Tensor) -> Tensor:
    """The functions cos(m t) and sin(m t) of the angle of points of the plane; 1 for m = 0.

        Y_m(R(a) x) = R(m a) Y_m(x)

    Args:
        degree: The frequency m.
        points: ``(..., 2)``.

    Returns:
        ``(..., 2)``, or ``(..., 1)`` for m = 0. At zero, which has no direction, 0 for m > 0.

    Example:
        >>> circular_harmonics(2, torch.tensor([0.0, 3.0])).round().tolist()  # at 90 degrees
        [-1.0, 0.0]
    """
    if degree == 0:
        return torch.ones_like(points[..., :1])
    radius = points.norm(dim=-1)
    direction = torch.view_as_complex(points.contiguous()) / torch.where(radius == 0, 1, radius)
    return torch.view_as_real(direction**degree)


def smooth_ring(radius: float, degree: int, sigma: float, points: Tensor) -> Tensor:
    """The radial profile of a harmonic on a circle or sphere, smoothed with a Gaussian.

        integral over |u| = r of Y_l(u / r) exp(-|x - u|^2 / (2 sigma^2))  is proportional to  profile(|x|) Y_l(x / |x|)
        profile(s) = exp(-(s - r)^2 / (2 sigma^2)) exp(-z) I_l(z),      z = s r / sigma^2

    with the modified Bessel function I_l in the plane, the spherical one, sqrt(pi / 2 z) I_{l+1/2}, in space. Unlike a
    Gaussian of the distance alone it is smooth at the origin, where it vanishes as s^l, so that its samples on the
    pixels represent it up to ``exp(-2 pi^2 sigma^2)``.

    Args:
        radius: r, in pixels.
        degree: l.
        sigma: The width of the Gaussian, in pixels.
        points: ``(..., dimension)`` on the CPU, of the plane or of space.

    Returns:
        ``(...)``, float64.

    Reference: DLMF 10.32.3 and 10.60.11.
    """
    from scipy import special

    distance = points.to(torch.float64).norm(dim=-1)
    z = (distance * radius / sigma**2).numpy()
    if points.shape[-1] == 2:
        bessel = torch.from_numpy(special.ive(degree, z))
    else:
        safe = np.maximum(z, 1e-12)
        spherical = np.sqrt(np.pi / 2 / safe) * special.ive(degree + 0.5, safe)
        bessel = torch.from_numpy(np.where(z > 1e-12, spherical, float(degree == 0)))
    return torch.exp(-(distance - radius).square() / (2 * sigma**2)) * bessel
