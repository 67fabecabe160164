"""Functions of the edges, their gradient in the vectors and their derivatives along vectors."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops import bessel_with_derivative
from intertwine.reps import wigner_3j

_POWER = 6


class EdgeFunctions(NamedTuple):
    """What the layers of a potential see of every edge.

    Attributes:
        direction: ``(T, 3)``; zero for a vector of length zero.
        inverse: ``(T, 1)`` of the length; zero likewise.
        distance: ``(T,)``.
        harmonics: ``(T, (lmax + 1)^2)`` of component normalization.
        radial: ``(T, 1 + n)``, the cutoff, and the Bessel functions times it.
        radial_slope: Their derivatives in the distance.
    """

    direction: Tensor
    inverse: Tensor
    distance: Tensor
    harmonics: Tensor
    radial: Tensor
    radial_slope: Tensor

    @classmethod
    def of(cls, vectors: Tensor, lmax: int, cutoff: float, num_functions: int) -> EdgeFunctions:
        """All of them for vectors ``(T, 3)``."""
        distance = torch.linalg.vector_norm(vectors, dim=1)
        tiny = torch.finfo(distance.dtype).tiny ** 0.5
        inverse = torch.where(distance > tiny, distance.reciprocal(), 0.0)[:, None]
        direction = vectors * inverse
        harmonics = vectors.new_ones(vectors.shape[0], (lmax + 1) ** 2)
        for degree in range(1, lmax + 1):
            below = harmonics[:, (degree - 1) ** 2 : degree**2]
            products = (direction[:, :, None] * below[:, None]).flatten(1)
            matrix = _raising(degree, vectors.dtype, vectors.device)
            torch.mm(products, matrix, out=harmonics[:, degree**2 : (degree + 1) ** 2])
        bessel, slope = bessel_with_derivative(distance, cutoff, num_functions)
        value, value_slope = cutoff_with_derivative(distance, cutoff)
        bessel = torch.cat([torch.ones_like(value[:, None]), bessel], 1)
        radial = bessel * value[:, None]
        radial_slope = bessel.mul_(value_slope[:, None])
        radial_slope[:, 1:].addcmul_(slope, value[:, None])
        return cls(direction, inverse, distance, harmonics, radial, radial_slope)

    def gradient(self, of_harmonics: Tensor, of_distance: Tensor) -> Tensor:
        """The gradient ``(T, 3)`` in the vectors, from those in the harmonics and in the distance ``(T,)``."""
        lower = round(sqrt(self.harmonics.shape[1])) - 1
        slope = self.direction * of_distance[:, None]
        if not lower:
            return slope
        coupled = of_harmonics @ _lowering(lower, of_harmonics.dtype, of_harmonics.device)
        turned = coupled.view(-1, 3, lower**2).mul_(self.harmonics[:, None, : lower**2]).sum(2)
        along = (turned * self.direction).sum(1, keepdim=True)
        return slope.addcmul_(turned.addcmul_(self.direction, along, value=-1), self.inverse)

    def along(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives ``(T, (lmax + 1)^2)`` of the harmonics and ``(T,)`` of the distance along vectors ``(T, 3)``."""
        lower = round(sqrt(self.harmonics.shape[1])) - 1
        of_distance = (vectors * self.direction).sum(1)
        if not lower:
            return torch.zeros_like(self.harmonics), of_distance
        across = torch.addcmul(vectors, self.direction, of_distance[:, None], value=-1).mul_(self.inverse)
        products = (across[:, :, None] * self.harmonics[:, None, : lower**2]).flatten(1)
        return products @ _lowering(lower, vectors.dtype, vectors.device).T, of_distance


def cutoff_with_derivative(distance: Tensor, cutoff: float | Tensor) -> tuple[Tensor, Tensor]:
    """:func:`~intertwine.ops.smooth_cutoff` (p = 6) and its derivative."""
    t, p = (distance / cutoff).clamp(max=1.0), _POWER
    squared = t * t
    fifth = squared * squared * t
    polynomial = (t * (p * (p + 1) / 2) - p * (p + 2)).mul_(t).add_((p + 1) * (p + 2) / 2)
    value = polynomial.mul_(fifth).mul_(t).neg_().add_(1.0)
    slope = fifth * (1 - t).square() * (-p * (p + 1) * (p + 2) / 2) / cutoff
    return value, slope


@lru_cache(maxsize=64)
def _derivatives(degree: int) -> Tensor:
    """``(3, 2 l - 1, 2 l + 1)``: the gradient of the solid harmonics of a degree in those of one degree less.

    The only equivariant one, with the norm that follows from Euler's theorem on homogeneous functions.
    """
    factor = sqrt(degree * (4 * degree**2 - 1)) * sqrt((2 * degree + 1) / (2 * degree - 1))
    return (wigner_3j(degree, 1, degree - 1) * factor).permute(1, 2, 0)


@lru_cache(maxsize=64)
def _raising(degree: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``(3 (2 l - 1), 2 l + 1)``: Y_l from the products of a direction and Y_(l - 1)."""
    return (_derivatives(degree) / degree).flatten(0, 1).to(device, dtype)


@lru_cache(maxsize=64)
def _lowering(lmax: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``((lmax + 1)^2, 3 lmax^2)``: the gradients of all harmonics."""
    result = torch.zeros((lmax + 1) ** 2, 3, lmax**2, dtype=torch.float64)
    for degree in range(1, lmax + 1):
        part = _derivatives(degree).permute(2, 0, 1)
        result[degree**2 : (degree + 1) ** 2, :, (degree - 1) ** 2 : degree**2] = part
    return result.flatten(1).to(device, dtype)
