"""Perspective of an image of a flat pattern: its estimate by least squares, and its removal.

A plane seen at an angle, up to an affine map, is x = u / (1 + q . u) with u on the plane and x in the image, both from
the center and in units of half the longer side. q = (0.04, 0) makes one side of the image 8 % longer than the other.
"""

from __future__ import annotations

from math import floor, pi, sqrt

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.patterns._pattern import waves_within
from intertwine.patterns.detection._amplitudes import LeastSquaresFit
from intertwine.patterns.detection._filters import gaussian_blur

LARGEST = 0.25
"""The largest |q| that is searched for."""
SMALLEST = 0.0015
"""The least |q| that is told from none."""
_PARTS = (0.2, 0.3, 0.45)
_STEPS = 8
_MAX_WAVES = 160
_MAX_FREQUENCY = 0.3
_BLUR = 1.6
_CONVERGED = 1e-5


def rectify(image: Tensor, perspective: Tensor) -> Tensor:
    """The pattern on the plane, cut to what the image shows of it.

    Args:
        image: ``(C, H, W)``, float64.
        perspective: q, ``(2,)``; zero returns the image itself.

    Returns:
        ``(C, H', W')`` of mean zero, on the same scale and about the same center.
    """
    if float(perspective.abs().max()) == 0:
        return image
    height, width = image.shape[-2:]
    half = max(height, width) / 2
    extent = torch.tensor([width, height], dtype=torch.float64) / 2
    # |q . u| over the corners bounds how far a point of the plane lies outside of its place in the image.
    shrink = 1 / (1 + float((perspective.abs() * extent).sum()) / half)
    size = [floor(n * shrink) - 1 for n in (height, width)]
    y, x = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in size)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    seen = points / (1 + points @ perspective / half)[..., None]
    found = functional.grid_sample(
        image[None], (seen / extent)[None], mode="bicubic", padding_mode="border", align_corners=False
    )[0]
    return found - found.mean((-2, -1), keepdim=True)


def estimate_perspective(image: Tensor, cell: Tensor) -> Tensor:
    """The perspective q ``(2,)`` in which a lattice explains most of an image; zero where it explains little more.

    Gauss-Newton steps on the lattice and q together, with the amplitudes eliminated, low frequencies first.

    Args:
        image: ``(C, H, W)``, float64, mean zero.
        cell: ``(2, 2)``, an estimate of the lattice vectors in pixels.
    """
    perspective, half = torch.zeros(2, dtype=torch.float64), max(image.shape[-2:]) / 2
    area = abs(float(torch.linalg.det(cell)))
    radius = min(_MAX_FREQUENCY, sqrt(_MAX_WAVES / (pi * area)))
    blurred = gaussian_blur(image, _BLUR / (2 * pi * radius))
    for part in _PARTS:
        waves = waves_within(cell, max(radius * part / _PARTS[-1], sqrt(8 / (pi * area))))
        for _ in range(_STEPS):
            fit = LeastSquaresFit(rectify(blurred, perspective), cell, waves)
            change, bend = _step(fit, cell, half)
            limit = min(1.0, 0.15 / max(float(change.abs().max()) * half, float(bend.abs().max()) * 2, 1e-30))
            perspective = perspective + limit * bend
            cell = torch.linalg.inv(torch.linalg.inv(cell) + limit * change)
            if not float(perspective.norm()) <= LARGEST:
                return torch.zeros(2, dtype=torch.float64)
            if max(float(change.abs().max()) * half, float(bend.abs().max())) < _CONVERGED:
                break
    return perspective


def _step(fit: LeastSquaresFit, cell: Tensor, half: float) -> tuple[Tensor, Tensor]:
    """The Gauss-Newton steps of the inverse cell, ``(2, 2)``, and of q, ``(2,)``."""
    x, y = (steps / half for steps in fit.plane_waves.steps)
    slopes = fit.slopes()
    inverse = torch.linalg.inv(cell)
    # u . grad F, from the slopes along the inverse cell: dF/dx = sum_a (dF/d phase_a) inverse[a, 0].
    radial = sum(
        (fit.phase_slope(axis) * half * (inverse[axis, 0] * x + inverse[axis, 1] * y[:, None]) for axis in (0, 1)),
        torch.zeros_like(slopes[0]),
    )
    slopes = [*slopes, radial * x, radial * y[:, None]]
    change = fit.solve_slopes(slopes)
    return change[:4].reshape(2, 2), change[4:]
