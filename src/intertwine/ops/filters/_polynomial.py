"""Derivatives of Gaussians, and the fit of their Hilbert transforms by a polynomial times a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import numpy.typing as npt
import torch
from numpy.polynomial import hermite
from torch import Tensor

from intertwine._errors import UsageError

_HIGHEST_ORDER = 16


@dataclass(frozen=True)
class PolynomialFilter:
    """A polynomial of x times a Gaussian, ``f(p) = sum_k c_k u^k exp(-|p|^2 / (2 sigma^2))``, u = x / (sqrt(2) sigma).

    Its rotated copies span a space of finite dimension, whatever the polynomial.

    Attributes:
        coefficients: c_0, c_1, ...
        sigma: The standard deviation of the Gaussian, in the units of the points.
        dimension: 2 in the plane, 3 in space.

    Example:
        >>> PolynomialFilter((0.0, 1.0))(torch.tensor([[0.0, 2.0]])).tolist()
        [0.0]
    """

    coefficients: tuple[float, ...]
    sigma: float = sqrt(0.5)
    dimension: int = 2

    def __post_init__(self) -> None:
        if self.dimension not in (2, 3):
            raise UsageError(f"expected a filter in 2 or 3 dimensions, got {self.dimension}")
        if not self.sigma > 0:
            raise UsageError(f"expected a positive sigma, got {self.sigma}")

    @property
    def degree(self) -> int:
        """The degree of the polynomial, which is the highest angular frequency."""
        return len(self.coefficients) - 1

    @property
    def extent(self) -> float:
        """The distance beyond which the filter is below 1e-16 of its largest value."""
        return self.sigma * (9.0 + 0.5 * self.degree)

    def __call__(self, points: Tensor) -> Tensor:
        """The values at points.

        Args:
            points: ``(..., dimension)``.

        Returns:
            ``(...)``.
        """
        u = points[..., 0] / (sqrt(2) * self.sigma)
        value = torch.zeros_like(u)
        for coefficient in reversed(self.coefficients):
            value = value * u + coefficient
        return value * torch.exp(-points.square().sum(-1) / (2 * self.sigma**2))

    def normalized(self) -> PolynomialFilter:
        """The same filter with ``integral f^2 = 1`` over the plane or space."""
        nodes, weights = hermite.hermgauss(len(self.coefficients) + 1)
        values = np.polynomial.polynomial.polyval(nodes / sqrt(2), self.coefficients)
        line = float(weights @ values**2) * self.sigma
        norm = sqrt(line * (sqrt(pi) * self.sigma) ** (self.dimension - 1))
        return PolynomialFilter(tuple(c / norm for c in self.coefficients), self.sigma, self.dimension)


def gaussian_derivative(order: int, sigma: float = sqrt(0.5), dimension: int = 2) -> PolynomialFilter:
    """The derivative of a Gaussian along x, of unit norm: G1, G2, ...

        G_n(p) = c (d/dx)^n exp(-|p|^2 / (2 sigma^2)),   integral G_n^2 = 1

    Args:
        order: n, from 0 on.
        sigma: Of the Gaussian; the default is ``exp(-|p|^2)``, as in the reference.
        dimension: 2 or 3.

    Raises:
        UsageError: The order is not within 0 .. 16.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, tables III and VII.

    Example:
        >>> [round(c, 4) for c in gaussian_derivative(2).coefficients]  # 0.9213 (2 x^2 - 1)
        [-0.9213, 0.0, 1.8426]
    """
    _check(order, 0)
    polynomial = hermite.herm2poly([0.0] * order + [(-1.0) ** order])
    return PolynomialFilter(tuple(float(c) for c in polynomial), sigma, dimension).normalized()


def hilbert_fit(order: int, sigma: float = sqrt(0.5), dimension: int = 2) -> PolynomialFilter:
    """The fit to the Hilbert transform of `gaussian_derivative` along x: H1, H2, ...

    The transform of ``exp(-x^2)`` is ``2 / sqrt(pi)`` times Dawson's function; its derivative of order n is fitted by a
    polynomial of degree n + 1 and of the other parity times a Gaussian, with least squares along x.

    Args:
        order: n, from 1 on.
        sigma: Of the Gaussian.
        dimension: 2 or 3.

    Raises:
        UsageError: The order is not within 1 .. 16.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, tables V and IX.

    Example:
        >>> [round(c, 2) for c in hilbert_fit(2).coefficients]  # 0.978 (x^3 - 2.254 x)
        [0.0, -2.21, 0.0, 0.98]
    """
    _check(order, 1)
    x = np.linspace(-12.0, 12.0, 4801)
    window = np.exp(-(x**2))
    powers = np.arange((order + 1) % 2, order + 2, 2)
    basis = x[:, None] ** powers * window[:, None]
    scale = np.linalg.norm(basis, axis=0)
    fit = np.linalg.lstsq(basis / scale, _dawson_derivative(order, x), rcond=None)[0] / scale
    coefficients = np.zeros(order + 2)
    derivative = gaussian_derivative(order, sigma, dimension)
    coefficients[powers] = fit * 2 / sqrt(pi) * abs(derivative.coefficients[-1]) / 2**order
    return PolynomialFilter(tuple(float(c) for c in coefficients), sigma, dimension)


def _dawson_derivative(order: int, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The derivatives of Dawson's function: F' = 1 - 2 x F, F^(n+1) = -2 x F^(n) - 2 n F^(n-1)."""
    from scipy.special import dawsn

    before: npt.NDArray[np.float64] = dawsn(x)
    here: npt.NDArray[np.float64] = 1 - 2 * x * before
    for n in range(1, order):
        before, here = here, -2 * x * here - 2 * n * before
    return here


def _check(order: int, least: int) -> None:
    if not least <= order <= _HIGHEST_ORDER:
        raise UsageError(f"expected an order within {least} .. {_HIGHEST_ORDER}, got {order}")
