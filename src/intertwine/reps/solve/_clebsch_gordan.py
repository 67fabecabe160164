"""Clebsch-Gordan coefficients of SO(3), exact in rational arithmetic and real in the end.

    C (D^l1 (x) D^l2) = D^l3 C,        C in R^{(2 l1 + 1) x (2 l2 + 1) x (2 l3 + 1)},  |C| = 1

Racah's closed form gives the complex coefficients as square roots of rationals; a unitary change of basis makes them
real.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, sqrt

import numpy as np
import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant


def _complex_coefficient(l1: int, m1: int, l2: int, m2: int, l3: int, m3: int) -> float:
    """<l1 m1 l2 m2 | l3 m3>, Racah 1942 (eq. 16) in binomials: a root of a rational times an integer sum."""
    if m1 + m2 != m3:
        return 0.0
    a, b, c = l1 + l2 - l3, l1 - l2 + l3, l2 + l3 - l1
    total = sum(
        (-1) ** k * comb(a, k) * comb(b, l1 - m1 - k) * comb(c, l2 + m2 - k)
        for k in range(max(0, l1 - m1 - b, l2 + m2 - c), min(a, l1 - m1, l2 + m2) + 1)
    )
    square = Fraction(
        comb(2 * l1, a) * comb(2 * l2, a) * total**2,
        comb(l1 + l2 + l3 + 1, a) * comb(2 * l1, l1 - m1) * comb(2 * l2, l2 - m2) * comb(2 * l3, l3 - m3),
    )
    return sqrt(square) * (1 if total >= 0 else -1)


@cached_constant
def _real_basis(degree: int) -> Tensor:
    """The unitary matrix whose rows are the complex components of each real basis vector, phase (-i)^l included."""
    real = torch.zeros(2 * degree + 1, 2 * degree + 1, dtype=torch.float64)
    imaginary = torch.zeros_like(real)
    half = 1 / sqrt(2)
    for m in range(1, degree + 1):
        real[degree - m, degree + m] = half
        imaginary[degree - m, degree - m] = -half
        real[degree + m, degree + m] = (-1) ** m * half
        imaginary[degree + m, degree - m] = (-1) ** m * half
    real[degree, degree] = 1
    return torch.complex(real, imaginary) * (-1j) ** degree


@cached_constant
def _wigner_3j(l1: int, l2: int, l3: int) -> Tensor:
    table = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1), dtype=np.complex128)
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
            value = _complex_coefficient(l1, m1, l2, m2, l3, m1 + m2)
            table[l1 + m1, l2 + m2, l3 + m1 + m2] = value
    coefficients = torch.from_numpy(table)
    q1, q2, q3 = _real_basis(l1), _real_basis(l2), _real_basis(l3)
    tensor = torch.einsum("ij,ikn->jkn", q1, coefficients)
    tensor = torch.einsum("kl,jkn->jln", q2, tensor)
    tensor = torch.einsum("mn,jln->jlm", q3.conj().T, tensor)
    assert tensor.imag.abs().max() < 1e-10, f"Clebsch-Gordan ({l1}, {l2}, {l3}) did not become real"
    real: Tensor = tensor.real / torch.linalg.vector_norm(tensor.real)
    return real


def wigner_3j(l1: int, l2: int, l3: int) -> Tensor:
    """The invariant tensor of D^l1 (x) D^l2 (x) D^l3, of Frobenius norm one.

    Args:
        l1: First degree.
        l2: Second degree.
        l3: Third degree, ``|l1 - l2| <= l3 <= l1 + l2``.

    Returns:
        ``(2 l1 + 1, 2 l2 + 1, 2 l3 + 1)``, float64, in the real basis of this library. Times ``sqrt(2 l3 + 1)`` it is
        the isometry from the product of degrees l1 and l2 onto degree l3.

    Raises:
        ValueError: If the degrees break the triangle inequality.

    Example:
        >>> cross = wigner_3j(1, 1, 1) * 6 ** 0.5
        >>> float(cross[0, 1, 2].round(decimals=12))  # x times y is z
        1.0
    """
    if min(l1, l2, l3) < 0 or not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"degrees ({l1}, {l2}, {l3}) break the triangle inequality |l1 - l2| <= l3 <= l1 + l2")
    return _wigner_3j(l1, l2, l3)
