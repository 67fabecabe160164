"""Angular and radial functions of steerable filters: circular harmonics and Gaussian rings."""

from __future__ import annotations

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


def gaussian_rings(radii: Tensor, sigma: float, points: Tensor) -> Tensor:
    """Gaussian profiles of the distance from the origin, ``exp(-(|x| - r)^2 / (2 sigma^2))``.

    Args:
        radii: ``(rings,)``, r.
        sigma: The width of a ring, in pixels.
        points: ``(..., dimension)``.

    Returns:
        ``(..., rings)``.
    """
    return torch.exp(-(points.norm(dim=-1)[..., None] - radii).square() / (2 * sigma**2))
