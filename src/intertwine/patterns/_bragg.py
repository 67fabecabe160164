"""Fourier amplitudes of an image on a lattice that does not fit its grid of pixels, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from intertwine.patterns._cells import reduced
from intertwine.patterns._filters import gaussian_blur, taper
from intertwine.patterns._pattern import waves_within

_MOST_WAVES = 320
_HIGHEST_FREQUENCY = 0.42
_STEPS = 8
_SOFTNESS = 1.6
_SETTLED = 1e-5


@dataclass(frozen=True)
class Amplitudes:
    """What an image is on a lattice: ``f(x) = sum_k c_k exp(2 pi i G_k . x) + noise``, x from the middle of the image.

    Args:
        cell: ``(2, 2)``, columns are the lattice vectors in pixels.
        waves: ``(M, 2)``, int64, k = 0 left out.
        coefficients: ``(C, M)``, complex128.
        residual: What the lattice does not explain, ``(C, H', W')``, without the margins.
        explained: The fraction of the variance that it does, 0 .. 1.
    """

    cell: Tensor
    waves: Tensor
    coefficients: Tensor
    residual: Tensor
    explained: float

    @property
    def power(self) -> float:
        """The sum of all ``|c_k|^2``: the variance that the lattice explains."""
        return float(self.coefficients.abs().square().sum())

    def between(self, offset: tuple[float, float]) -> Tensor:
        """The residual's power ``(M + 1,)`` at ``k + offset``, between the points of the reciprocal lattice.

        The edges of the image are tapered, so that what lies beyond the waves of the fit does not leak into it.
        """
        waves = torch.cat([torch.zeros(1, 2), self.waves]).to(torch.float64) + torch.tensor(offset, dtype=torch.float64)
        plane = _Waves(self.residual.shape[-2:], waves @ torch.linalg.inv(self.cell))
        height, width = self.residual.shape[-2:]
        window = taper(height, width)
        # The window keeps the variance of noise as it is, but takes some height of a peak.
        return (plane.inner(self.residual * window) / (height * width)).abs().square().sum(0)


class _Waves:
    """Plane waves on a grid of pixels about its middle, each the product of a wave down and a wave across."""

    def __init__(self, size: tuple[int, ...], frequencies: Tensor) -> None:
        self.steps = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in (size[1], size[0])]
        self.across, self.down = (
            torch.polar(torch.ones_like(phase), phase)
            for phase in (2 * pi * frequencies[:, axis, None] * self.steps[axis] for axis in (0, 1))
        )

    def inner(self, images: Tensor) -> Tensor:
        """The scalar products ``(C, M)`` with images ``(C, H, W)``."""
        rows = images.to(torch.complex128) @ self.across.conj().T
        return torch.einsum("chm,mh->cm", rows, self.down.conj())

    def gram(self) -> Tensor:
        """The scalar products ``(M, M)`` of the waves with one another."""
        return (self.across.conj() @ self.across.T) * (self.down.conj() @ self.down.T)

    def sum(self, coefficients: Tensor) -> Tensor:
        """The real part ``(C, H, W)`` of the superposition with coefficients ``(C, M)``."""
        return ((coefficients[:, None, :] * self.down.T) @ self.across).real


class _Fit:
    """Least squares onto the waves of a lattice."""

    def __init__(self, image: Tensor, cell: Tensor, waves: Tensor) -> None:
        self.waves = waves.to(torch.float64)
        self.plane = _Waves(image.shape[-2:], self.waves @ torch.linalg.inv(cell))
        gram = self.plane.gram()
        gram.diagonal().add_(1e-6 * image.shape[-1] * image.shape[-2])
        self.factor = torch.linalg.cholesky(gram)
        self.coefficients = self.solve(image)
        self.residual = image - self.plane.sum(self.coefficients)

    def solve(self, images: Tensor) -> Tensor:
        return torch.cholesky_solve(self.plane.inner(images).T, self.factor).T

    def step(self) -> Tensor:
        """The Gauss-Newton step ``(2, 2)`` of the inverse of the cell, the amplitudes eliminated."""
        slopes = []
        x, y = self.plane.steps
        for axis in (0, 1):
            turned = self.coefficients * (2j * pi * self.waves[:, axis])
            slope = self.plane.sum(turned)
            slopes += [slope * x, slope * y[:, None]]
        free = [slope - self.plane.sum(self.solve(slope)) for slope in slopes]
        matrix = torch.stack([slope.flatten() for slope in free], -1)
        normal = matrix.T @ matrix
        change: Tensor = torch.linalg.lstsq(normal, matrix.T @ self.residual.flatten()).solution
        return change.reshape(2, 2)


def fit_amplitudes(image: Tensor, cell: Tensor) -> Amplitudes:
    """Refine a lattice, and the amplitudes on it, by variable projection; long waves first.

    Args:
        image: ``(C, H, W)``, float64.
        cell: ``(2, 2)``, lattice vectors that are right to a fraction of a pixel across the image.

    Reference:
        G. Golub and V. Pereyra, SIAM Journal on Numerical Analysis 10 (1973) 413.
    """
    area = abs(float(torch.linalg.det(cell)))
    radius = min(_HIGHEST_FREQUENCY, sqrt(_MOST_WAVES / (pi * area)))
    # Waves beyond the radius are not fitted: a blur takes most of them away, alike in all directions.
    image = gaussian_blur(image, _SOFTNESS / (2 * pi * radius), crop=True)
    for part in (0.35, 0.6, 1.0):
        for _ in range(_STEPS):
            fit = _Fit(image, cell, waves_within(cell, max(radius * part, sqrt(20 / (pi * area)))))
            change = fit.step()
            inverse = torch.linalg.inv(cell)
            # No step moves the phase of the lattice by more than a fifth of a turn anywhere in the image.
            reach = max(image.shape[-2:]) / 2
            change = change * min(1.0, 0.2 / max(float(change.abs().max()) * reach, 1e-30))
            cell = torch.linalg.inv(inverse + change)
            if float(change.abs().max()) * reach < _SETTLED:
                break
    cell = reduced(cell)
    fit = _Fit(image, cell, waves_within(cell, radius))
    kept = fit.waves.abs().sum(-1) > 0
    centered = image - image.mean((-2, -1), keepdim=True)
    explained = 1 - float(fit.residual.square().sum() / centered.square().sum())
    return Amplitudes(cell, fit.waves[kept].to(torch.int64), fit.coefficients[:, kept], fit.residual, explained)
