"""Real spherical harmonics, as polynomials in x, y, z: no angles, hence no poles.

    Y_{l,m}  = a y Y_{l-1,m} - b r^2 Y_{l-2,m},   |m| < l,        m = -l .. l
    Y_{l,l}  = c (z Y_{l-1,l-1} - x Y_{l-1,1-l}),        Y_{l,-l} = c (z Y_{l-1,1-l} + x Y_{l-1,l-1})

Degree 1 is (x, y, z). Derivatives of every order come from the values: see ``_harmonic_derivatives``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.ops._operator import operator
from intertwine.ops.functions._harmonic_derivatives import harmonic_norm, harmonics_vjp
from intertwine.ops.functions._point_chunks import CHUNK, map_points
from intertwine.ops.functions._unit_vectors import unit_vectors

_FEW_DEGREES = 3  # up to here all monomials are fewer than twice the harmonics
Normalization = Literal["component", "integral", "norm"]


class _Recursion(NamedTuple):
    """Coefficients of the recursion to one degree l.

    Attributes:
        a: ``(2 l - 1,)`` for |m| < l.
        b: ``(2 l - 3,)`` for |m| < l - 1.
        c: For |m| = l.
    """

    a: Tensor
    b: Tensor
    c: float


@lru_cache(maxsize=64)
def _coefficients(degree: int, normalization: str) -> _Recursion:
    """Coefficients of one degree, from 1 on, in float64."""
    norm, norm_1, norm_2 = (harmonic_norm(max(degree - i, 0), normalization) for i in range(3))
    m2 = torch.arange(1 - degree, degree, dtype=torch.float64).square()
    a = norm / norm_1 * (2 * degree - 1) / (degree**2 - m2).sqrt()
    inner = m2[1:-1]
    b = norm / norm_2 * (((degree - 1) ** 2 - inner) / (degree**2 - inner)).sqrt()
    c = norm / norm_1 * (sqrt((2 * degree - 1) / (2 * degree)) if degree > 1 else 1.0)
    return _Recursion(a, b, c)


def _recursion(vectors: Tensor, result: Tensor, y_0: float, degrees: Sequence[_Recursion]) -> None:
    """Fill ``result ((lmax + 1)^2, n)`` from ``vectors (3, n)`` and the constant Y_0."""
    x, y, z = vectors
    r2 = vectors.square().sum(0)
    result[0] = y_0
    for degree, (a, b, c) in enumerate(degrees, 1):
        values, values_1 = result[degree**2 : (degree + 1) ** 2], result[(degree - 1) ** 2 : degree**2]
        sine, cosine = (values_1[0], values_1[-1]) if degree > 1 else (torch.zeros_like(x), values_1[0])
        torch.mul(values_1, a, out=values[1:-1]).mul_(y)
        if degree > 1:
            values_2 = result[(degree - 2) ** 2 : (degree - 1) ** 2]
            values[2:-2].addcmul_(values_2 * r2, b, value=-1)
        torch.mul(x, cosine, out=values[0]).addcmul_(z, sine).mul_(c)
        torch.mul(z, cosine, out=values[-1]).addcmul_(x, sine, value=-1).mul_(c)


def _monomials(vectors: Tensor, result: Tensor) -> None:
    """Fill ``result (rows, n)`` with the monomials of ``vectors (3, n)``: 1; x, y, z; x^2, x y, x z, y^2, ..."""
    result[0] = 1
    start, tails = 0, (1, 1, 1)  # of the monomials of one degree, and how many of them are of x, y, z; of y, z; of z
    while start + tails[0] < len(result):
        end = stop = start + tails[0]
        for coordinate, tail in zip(vectors, tails, strict=True):
            torch.mul(result[end - tail : end], coordinate, out=result[stop : stop + tail])
            stop += tail
        start, tails = end, (sum(tails), tails[1] + tails[2], tails[2])


@cached_constant
def _monomial_coefficients(lmax: int, normalization: str) -> Tensor:
    """``(monomials, (lmax + 1)^2)``, float64: the harmonics in monomials, solved for on random points."""
    points = torch.randn(3, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    monomials = points.new_empty((lmax + 1) * (lmax + 2) * (lmax + 3) // 6, 200)
    values = points.new_empty((lmax + 1) ** 2, 200)
    _monomials(points, monomials)
    degrees = [_coefficients(degree, normalization) for degree in range(1, lmax + 1)]
    degrees = [_Recursion(a[:, None], b[:, None], c) for a, b, c in degrees]
    _recursion(points, values, harmonic_norm(0, normalization), degrees)
    solved: Tensor = torch.linalg.lstsq(monomials.T, values.T).solution
    return torch.where(solved.abs() < 1e-12, 0.0, solved)


@operator("solid_harmonics")
def solid_harmonics(vectors: Tensor, lmax: int, normalization: str) -> Tensor:
    """Up to a low degree a few products of long rows and one matrix product, beyond it the recursion."""
    result = vectors.new_empty(len(vectors), (lmax + 1) ** 2)
    by_monomials = 1 <= lmax <= _FEW_DEGREES
    if by_monomials:
        coefficients = _monomial_coefficients(lmax, normalization).to(vectors)
    else:
        degrees = [_coefficients(degree, normalization) for degree in range(1, lmax + 1)]
        degrees = [_Recursion(a.to(vectors)[:, None], b.to(vectors)[:, None], c) for a, b, c in degrees]
    rows = len(coefficients) if by_monomials else result.shape[1]

    def work(chunks: Sequence[slice]) -> None:
        buffer = vectors.new_empty(rows, min(CHUNK, len(vectors)))
        for chunk in chunks:
            values = buffer[:, : chunk.stop - chunk.start]
            if by_monomials:
                _monomials(vectors[chunk].T.contiguous(), values)
                torch.mm(values.T, coefficients, out=result[chunk])
            else:
                _recursion(vectors[chunk].T.contiguous(), values, harmonic_norm(0, normalization), degrees)
                result[chunk] = values.T

    map_points(work, len(vectors), vectors.device)
    return result


@solid_harmonics.register_decomposition
def _(vectors: Tensor, lmax: int, normalization: str) -> Tensor:
    x, y, z = vectors.unbind(1)
    r2 = vectors.square().sum(1)
    degrees = [[torch.full_like(x, harmonic_norm(0, normalization))]]
    for degree in range(1, lmax + 1):
        a, b, c = _coefficients(degree, normalization)
        below, cosine = degrees[-1], degrees[-1][-1]
        sine = below[0] if degree > 1 else torch.zeros_like(x)
        inner = [value * y * factor for value, factor in zip(below, a.tolist(), strict=True)]
        if degree > 1:
            for column, (value, factor) in enumerate(zip(degrees[-2], b.tolist(), strict=True), 1):
                inner[column] = inner[column] - value * r2 * factor
        degrees.append([(x * cosine + z * sine) * c, *inner, (z * cosine - x * sine) * c])
    return torch.stack([value for values in degrees for value in values], 1)


@solid_harmonics.register_fake
def _(vectors: Tensor, lmax: int, normalization: str) -> Tensor:
    return vectors.new_empty(vectors.shape[0], (lmax + 1) ** 2)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    _, _, ctx.normalization = inputs
    ctx.save_for_backward(output)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    return harmonics_vjp(grad, *ctx.saved_tensors, ctx.normalization), None, None


solid_harmonics.register_autograd(_derivative, setup_context=_setup)


def spherical_harmonics(
    lmax: int, vectors: Tensor, *, normalize: bool = True, normalization: Normalization = "component"
) -> Tensor:
    """Real spherical harmonics of degrees 0 to lmax, with ``Y(R x) = D(R) Y(x)``.

    Args:
        lmax: Highest degree.
        vectors: ``(..., 3)`` in x, y, z order.
        normalize: Whether to divide the vectors by their norm first; otherwise the result is the solid harmonics
            ``|x|^l Y_l(x / |x|)``.
        normalization: ``"component"``: |Y_l|^2 = 2 l + 1; ``"norm"``: |Y_l| = 1; ``"integral"``: orthonormal over the
            sphere, |Y_l|^2 = (2 l + 1) / 4 pi.

    Returns:
        ``(..., (lmax + 1)^2)``, degrees in order, m = -l .. l within each, in the dtype of ``vectors``. The zero vector
        has no direction: there Y_0 keeps its value and all higher degrees are 0, with gradient 0.

    Raises:
        ValueError: If ``vectors`` does not end in 3, lmax is negative or the normalization has no such name.

    Cost: a few operations for each value; the gradient is one matrix product per degree. Derivatives of every order.

    Reference: the recursion of the associated Legendre functions, DLMF 14.10.3.

    Example:
        >>> spherical_harmonics(1, torch.tensor([0.0, 0.0, 2.0]), normalization="norm").round().tolist()
        [1.0, 0.0, 0.0, 1.0]
    """
    if vectors.shape[-1:] != (3,):
        raise ValueError(f"vectors must have shape (..., 3), got {tuple(vectors.shape)}")
    if lmax < 0:
        raise ValueError(f"lmax must be at least 0, got {lmax}")
    if normalization not in ("component", "integral", "norm"):
        raise ValueError(f'normalization must be "component", "integral" or "norm", got {normalization!r}')
    flat = vectors.reshape(-1, 3)
    if normalize:
        flat = unit_vectors(flat)[0].T
    result: Tensor = solid_harmonics(flat, lmax, normalization)
    return result.reshape(*vectors.shape[:-1], (lmax + 1) ** 2)
