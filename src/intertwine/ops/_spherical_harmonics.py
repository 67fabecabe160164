"""Real spherical harmonics as polynomials in x, y, z: no angles, hence no poles.

    Y_{l,m}(x, y, z) = F_l^{|m|}(y, r^2) * (c_m if m >= 0 else s_|m|),      c_m + i s_m = (z + i x)^m

with m = -l .. l and F from the three-term recursion of the Legendre functions. Degree 1 is (x, y, z).
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Literal

import torch
from torch import Tensor

from intertwine.ops._vectors import unit

Normalization = Literal["component", "integral", "norm"]


def _recursion(lmax: int) -> tuple[tuple[float, ...], dict[tuple[int, int], tuple[float, float]]]:
    """Sectoral constants F_m^m and the pairs (a, b) of F_l^m = a y F_{l-1}^m - b r^2 F_{l-2}^m, |Y_l|^2 = 2 l + 1."""
    sectoral = [1.0]
    for m in range(1, lmax + 1):
        sectoral.append(sectoral[-1] * sqrt((2 * m + 1) / (2 * m)) * (sqrt(2) if m == 1 else 1))
    steps = {}
    for m in range(lmax + 1):
        for degree in range(m + 1, lmax + 1):
            ratio = (2 * degree + 1) / (degree * degree - m * m)
            a = sqrt(ratio * (2 * degree - 1))
            b = sqrt(ratio * ((degree - 1) ** 2 - m * m) / (2 * degree - 3)) if degree - 1 > m else 0.0
            steps[degree, m] = (a, b)
    return tuple(sectoral), steps


def _solid_harmonics(lmax: int, vectors: Tensor) -> list[list[Tensor]]:
    """Homogeneous harmonic polynomials of degrees 0 .. lmax, each as a list over m = -l .. l."""
    x, y, z = vectors.unbind(-1)
    r2 = x * x + y * y + z * z
    sectoral, steps = _recursion(lmax)
    columns: list[list[Tensor]] = [[torch.empty(0)] * (2 * degree + 1) for degree in range(lmax + 1)]
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)
    for m in range(lmax + 1):
        if m > 0:
            cosine, sine = z * cosine - x * sine, z * sine + x * cosine
        before, here = None, torch.full_like(x, sectoral[m])
        for degree in range(m, lmax + 1):
            if degree > m:
                a, b = steps[degree, m]
                following = a * y * here if before is None else a * y * here - b * r2 * before
                before, here = here, following
            columns[degree][degree + m] = here * cosine
            if m > 0:
                columns[degree][degree - m] = here * sine
    return columns


def spherical_harmonics(
    lmax: int, vectors: Tensor, *, normalize: bool = True, normalization: Normalization = "component"
) -> Tensor:
    """Real spherical harmonics of degrees 0 to lmax, with ``Y(R x) = D(R) Y(x)``.

    Args:
        lmax: Highest degree.
        vectors: ``(..., 3)`` in x, y, z order.
        normalize: Whether to divide the vectors by their length first; otherwise the result is the solid harmonics
            ``|x|^l Y_l(x / |x|)``.
        normalization: ``"component"``: |Y_l|^2 = 2 l + 1; ``"norm"``: |Y_l| = 1; ``"integral"``: orthonormal over the
            sphere, |Y_l|^2 = (2 l + 1) / 4 pi.

    Returns:
        ``(..., (lmax + 1)^2)``, degrees in order, m = -l .. l within each, in the dtype of ``vectors``. The zero vector
        has no direction: there Y_0 keeps its value and all higher degrees are 0, with gradient 0.

    Raises:
        ValueError: If ``vectors`` does not end in 3, lmax is negative or the normalisation has no such name.

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
    columns = _solid_harmonics(lmax, unit(vectors) if normalize else vectors)
    if normalization == "component":
        return torch.stack([column for row in columns for column in row], -1)
    scales = [1 / sqrt(4 * pi if normalization == "integral" else 2 * degree + 1) for degree in range(lmax + 1)]
    return torch.stack([column * scale for row, scale in zip(columns, scales, strict=True) for column in row], -1)
