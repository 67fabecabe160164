"""Wigner matrices of rotations from the polar axis y to edge directions: products of two factors, without angles.

    R = R_y(a) R_x(b),        cos b = y,   sin b = s,   cos a = z / s,   sin a = x / s,        s = sqrt(x^2 + z^2)

A rotation about y mixes only m and -m. One about x commutes with the reflection of x, so it mixes m < 0 with m < 0 and
m >= 0 with m >= 0. Hence every entry of D^l(R) is one product,

    D_mn = (cos or +-sin of |m| a) (a Fourier polynomial in b of degree l),

and the matrices of all edges are the entrywise product of two matrix products with constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.ops._scaled_vectors import is_zero
from intertwine.ops.functions import safe_normalize
from intertwine.reps import wigner_d


@cached_constant
def _about_x(degree: int) -> Tensor:
    """``(m, n, 2 l + 1)``: D^l(R_x(b)) as a polynomial in 1, cos b, sin b, cos 2b, sin 2b .."""
    swap = torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)  # y to x, z to y, x to z
    rotation = wigner_d(degree, swap)
    result = torch.zeros(2 * degree + 1, 2 * degree + 1, 2 * degree + 1, dtype=torch.float64)
    result[:, :, 0] = torch.outer(rotation[:, degree], rotation[:, degree])
    for k in range(1, degree + 1):
        sine, cosine = rotation[:, degree - k], rotation[:, degree + k]
        result[:, :, 2 * k - 1] = torch.outer(sine, sine) + torch.outer(cosine, cosine)
        result[:, :, 2 * k] = torch.outer(sine, cosine) - torch.outer(cosine, sine)
    return result


@cached_constant
def factor_constants(degree: int, columns: tuple[int, ...], signs: tuple[int, ...]) -> Tensor:
    """Constants S and T such that ``(multiples of a @ S) * (multiples of b @ T)`` are signed columns n of D^l.

    Args:
        degree: l.
        columns: The columns n = -l .. l wanted, in order.
        signs: The sign of each.

    Returns:
        ``(2, 2 l + 1, columns * (2 l + 1))``, float64: for each column, its rows m = -l .. l.
    """
    about_x = _about_x(degree)
    result = torch.zeros(2, 2 * degree + 1, len(columns), 2 * degree + 1, dtype=torch.float64)
    for column, (n, sign) in enumerate(zip(columns, signs, strict=True)):
        for m in range(-degree, degree + 1):
            row = abs(m) if n >= 0 else -abs(m)  # the row of D(R_x) that R_y maps to row m
            k = abs(m)
            if (m >= 0) == (n >= 0):
                result[0, 2 * k - 1 if k else 0, column, m + degree] = sign
            else:
                result[0, 2 * k, column, m + degree] = sign if m < 0 else -sign
            result[1, :, column, m + degree] = about_x[row + degree, n + degree]
    return result.flatten(2)


def _multiples(cosine: Tensor, sine: Tensor, lmax: int) -> Tensor:
    """``(E, 2 lmax + 1)``: 1, cos a, sin a, cos 2a, sin 2a .. by the angle sum formulas."""
    c, s = torch.ones_like(cosine), torch.zeros_like(sine)
    columns = [c]
    for _ in range(lmax):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        columns += [c, s]
    return torch.stack(columns, 1)


class WignerFactors(NamedTuple):
    """Sines and cosines of the multiples of a and b: factors of the Wigner matrices of all degrees.

    Attributes:
        azimuth: ``(E, 2 lmax + 1)`` 1, cos a, sin a, cos 2a ..
        polar: ``(E, 2 lmax + 1)`` 1, cos b, sin b, cos 2b ..
    """

    azimuth: Tensor
    polar: Tensor

    @classmethod
    def from_vectors(cls, vectors: Tensor, lmax: int) -> WignerFactors:
        """Of rotations from the polar axis to the directions of vectors ``(E, 3)``; the identity for zero vectors."""
        x, y, z = safe_normalize(vectors).unbind(1)
        y = torch.where(is_zero(vectors)[:, 0], 1.0, y)
        s = torch.hypot(x, z)
        pole = s == 0
        inverse = torch.where(pole, 1.0, s).reciprocal()
        azimuth = _multiples(torch.where(pole, 1.0, z * inverse), x * inverse, lmax)
        return cls(azimuth, _multiples(y, s, lmax))

    def matrices(self, constants: Tensor, out: Tensor | None = None) -> Tensor:
        """Columns of the Wigner matrices ``(E, columns * (2 l + 1))``, for the :func:`factor_constants` of a degree."""
        size = constants.shape[1]
        result = torch.mm(self.azimuth[:, :size], constants[0], out=out)
        return result.mul_(self.polar[:, :size] @ constants[1])


def frame_orders(degree: int, mmax: int, reflection_sign: int) -> tuple[Sequence[int], Sequence[int]]:
    """Columns of D^l, and their signs, for the components 0, 1, 1', 2, 2' .. in the frame of an edge.

    The reflection of x fixes the edge; it keeps the components m and flips the components m'. For the parity of the
    spherical harmonics (reflection sign 1) these are m and -m. For the other parity (reflection sign -1) a quarter turn
    makes them so; only there the component 0 is flipped.

    Args:
        degree: l.
        mmax: Highest order.
        reflection_sign: 1 or -1, the sign of the component 0 under the reflection.

    Returns:
        The columns n = -l .. l and their signs.
    """
    orders, signs = [0], [1]
    for m in range(1, min(degree, mmax) + 1):
        orders += [m, -m] if reflection_sign > 0 else [-m, m]
        signs += [1, 1] if reflection_sign > 0 else [-1, 1]
    return orders, signs
