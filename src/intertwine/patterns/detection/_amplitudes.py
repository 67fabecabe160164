"""Fourier amplitudes of an image on a lattice incommensurate with its pixels, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from intertwine.patterns._lattices import reduced_cell
from intertwine.patterns._pattern import waves_within
from intertwine.patterns.detection._filters import gaussian_blur, hann_window

_MAX_WAVES = 320
_MAX_FREQUENCY = 0.42
_MAX_STEPS = 8
_BLUR = 1.6
_CONVERGED = 1e-5


@dataclass(frozen=True)
class Amplitudes:
    """Fourier amplitudes on a lattice: ``f(x) = sum_k c_k exp(2 pi i G_k . x) + noise``, x from the image center.

    Args:
        cell: ``(2, 2)``, columns are the lattice vectors in pixels.
        waves: ``(M, 2)``, int64, without k = 0.
        coefficients: ``(C, M)``, complex128.
        residual: Image minus fit, ``(C, H', W')``, without the margins.
        explained: Explained fraction of the variance, 0 .. 1.
    """

    cell: Tensor
    waves: Tensor
    coefficients: Tensor
    residual: Tensor
    explained: float

    @property
    def power(self) -> float:
        """The sum of all ``|c_k|^2``, the explained variance."""
        return float(self.coefficients.abs().square().sum())

    def residual_power(self, offset: tuple[float, float]) -> Tensor:
        """The power ``(M + 1,)`` of the residual at ``k + offset``, between the points of the reciprocal lattice.

        The image is windowed to prevent spectral leakage from frequencies beyond the fit.
        """
        waves = torch.cat([torch.zeros(1, 2), self.waves]).to(torch.float64) + torch.tensor(offset, dtype=torch.float64)
        plane_waves = _PlaneWaves(self.residual.shape[-2:], waves @ torch.linalg.inv(self.cell))
        height, width = self.residual.shape[-2:]
        window = hann_window(height, width)
        # The window preserves the variance of noise but lowers peaks.
        return (plane_waves.inner(self.residual * window) / (height * width)).abs().square().sum(0)


class _PlaneWaves:
    """Plane waves on a grid of pixels about its center, separable in the two directions."""

    def __init__(self, size: tuple[int, ...], frequencies: Tensor) -> None:
        self.steps = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in (size[1], size[0])]
        self.across, self.down = (
            torch.polar(torch.ones_like(phase), phase)
            for phase in (2 * pi * frequencies[:, axis, None] * self.steps[axis] for axis in (0, 1))
        )

    def inner(self, images: Tensor) -> Tensor:
        """The inner products ``(C, M)`` with images ``(C, H, W)``."""
        rows = images.to(torch.complex128) @ self.across.conj().T
        return torch.einsum("chm,mh->cm", rows, self.down.conj())

    def gram(self) -> Tensor:
        """The Gram matrix ``(M, M)``."""
        return (self.across.conj() @ self.across.T) * (self.down.conj() @ self.down.T)

    def sum(self, coefficients: Tensor) -> Tensor:
        """The real part ``(C, H, W)`` of the superposition with coefficients ``(C, M)``."""
        return ((coefficients[:, None, :] * self.down.T) @ self.across).real


class LeastSquaresFit:
    """Least-squares fit of the plane waves of a lattice to an image."""

    def __init__(self, image: Tensor, cell: Tensor, waves: Tensor) -> None:
        self.waves = waves.to(torch.float64)
        self.plane_waves = _PlaneWaves(image.shape[-2:], self.waves @ torch.linalg.inv(cell))
        gram = self.plane_waves.gram()
        gram.diagonal().add_(1e-6 * image.shape[-1] * image.shape[-2])
        self.factor = torch.linalg.cholesky(gram)
        self.coefficients = self.solve(image)
        self.residual = image - self.plane_waves.sum(self.coefficients)

    def solve(self, images: Tensor) -> Tensor:
        return torch.cholesky_solve(self.plane_waves.inner(images).T, self.factor).T

    def step(self) -> Tensor:
        """The Gauss-Newton step ``(2, 2)`` of the inverse cell, with the amplitudes eliminated."""
        return self.solve_slopes(self.slopes()).reshape(2, 2)

    def phase_slope(self, axis: int) -> Tensor:
        """The derivative ``(C, H, W)`` by the phase along one axis of the reciprocal lattice."""
        return self.plane_waves.sum(self.coefficients * (2j * pi * self.waves[:, axis]))

    def slopes(self) -> list[Tensor]:
        """The derivatives by the four entries of the inverse cell."""
        x, y = self.plane_waves.steps
        slopes = []
        for axis in (0, 1):
            slope = self.phase_slope(axis)
            slopes += [slope * x, slope * y[:, None]]
        return slopes

    def solve_slopes(self, slopes: list[Tensor]) -> Tensor:
        """The Gauss-Newton step ``(n,)`` along the derivatives of n parameters."""
        free = [slope - self.plane_waves.sum(self.solve(slope)) for slope in slopes]
        matrix = torch.stack([slope.flatten() for slope in free], -1)
        normal = matrix.T @ matrix
        change: Tensor = torch.linalg.lstsq(normal, matrix.T @ self.residual.flatten()).solution
        return change


def fit_amplitudes(image: Tensor, cell: Tensor) -> Amplitudes:
    """The lattice and its amplitudes refined by variable projection, low frequencies first.

    Args:
        image: ``(C, H, W)``, float64.
        cell: ``(2, 2)``, lattice vectors accurate to a fraction of a pixel across the image.

    Reference:
        G. Golub and V. Pereyra, SIAM Journal on Numerical Analysis 10 (1973) 413.
    """
    area = abs(float(torch.linalg.det(cell)))
    radius = min(_MAX_FREQUENCY, sqrt(_MAX_WAVES / (pi * area)))
    # Frequencies beyond the radius are not fitted: an isotropic blur removes most of them.
    image = gaussian_blur(image, _BLUR / (2 * pi * radius), crop=True)
    for part in (0.35, 0.6, 1.0):
        for _ in range(_MAX_STEPS):
            fit = LeastSquaresFit(image, cell, waves_within(cell, max(radius * part, sqrt(20 / (pi * area)))))
            change = fit.step()
            inverse = torch.linalg.inv(cell)
            # No step shifts the phase of the lattice by more than a fifth of a period anywhere in the image.
            reach = max(image.shape[-2:]) / 2
            change = change * min(1.0, 0.2 / max(float(change.abs().max()) * reach, 1e-30))
            cell = torch.linalg.inv(inverse + change)
            if float(change.abs().max()) * reach < _CONVERGED:
                break
    cell = reduced_cell(cell)
    fit = LeastSquaresFit(image, cell, waves_within(cell, radius))
    nonzero = fit.waves.abs().sum(-1) > 0
    centered = image - image.mean((-2, -1), keepdim=True)
    explained = 1 - float(fit.residual.square().sum() / centered.square().sum())
    return Amplitudes(cell, fit.waves[nonzero].to(torch.int64), fit.coefficients[:, nonzero], fit.residual, explained)
