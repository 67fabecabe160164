"""Symmetric and antisymmetric powers, by recursion on the power, in orthonormal bases of monomials.

    S^k(g) = P_k^T (S^{k-1}(g) (x) rho(g)) P_k,      P_k: the isometry of the k-th power into the (k-1)-th times the rep

The basis vectors of S^k are sqrt(k! / alpha!) times the symmetrized e_{i1} (x) .. (x) e_{ik}, i1 <= .. <= ik; those of
the antisymmetric power are sqrt(k!) times the antisymmetrized ones, i1 < .. < ik; both in lexicographic order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from math import comb

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import Rep
from intertwine.reps._composite import DirectSum, TensorProduct


def _checked(power: int) -> int:
    if not isinstance(power, int) or isinstance(power, bool) or power < 0:
        raise ValueError(f"a power is a whole number, at least 0, got {power!r}")
    return power


def symmetric_power(rep: Rep, power: int) -> Rep:
    """See ``Rep.symmetric_power``."""
    return rep if _checked(power) == 1 else SymmetricPower(rep.group, rep, power) if power else rep.group.trivial


def antisymmetric_power(rep: Rep, power: int) -> Rep:
    """See ``Rep.antisymmetric_power``."""
    return rep if _checked(power) == 1 else AntisymmetricPower(rep.group, rep, power) if power else rep.group.trivial


@dataclass(frozen=True, repr=False)
class _Power(Rep):
    base: Rep
    power: int

    @property
    def orthogonal(self) -> bool:
        """Whether the base is."""
        return self.base.orthogonal

    @property
    def dual(self) -> Rep:
        """The power of the dual: the rep itself where the base is orthogonal."""
        return self if self.orthogonal else type(self)(self.group, self.base.dual, self.power)

    def _isometry(self, power: int) -> Tensor:
        """P_k, ``(monomials of degree k - 1, n, monomials of degree k)``."""
        raise NotImplementedError

    @property
    def basis(self) -> Tensor:
        """The basis vectors as tensors: ``(n, .., n, dim)``, float64, orthonormal."""
        basis = torch.eye(self.base.dim, dtype=torch.float64)
        for power in range(2, self.power + 1):
            basis = torch.tensordot(basis, self._isometry(power), dims=1)
        return basis

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``, by the recursion."""
        rho = self.base.matrix(g)
        found = rho
        for power in range(2, self.power + 1):
            p = self._isometry(power).to(rho)
            half = torch.einsum("...ab,...ij,bjn->...ain", found, rho, p)
            found = torch.einsum("aim,...ain->...mn", p, half)
        return found

    def algebra(self, X: Tensor) -> Tensor:
        """The Leibniz rule inside the recursion, ``(..., dim, dim)``."""
        rho = self.base.algebra(X)
        found = rho
        for power in range(2, self.power + 1):
            p = self._isometry(power).to(rho)
            half = torch.einsum("...ab,bin->...ain", found, p) + torch.einsum("...ij,ajn->...ain", rho, p)
            found = torch.einsum("aim,...ain->...mn", p, half)
        return found

    def _newton(self, g: Tensor, sign: int) -> Tensor:
        """Newton: k c_k = sum_i sign^{i-1} chi(g^i) c_{k-i} from power sums to the characters c."""
        self.group.check_shape(g)
        sums, h = [], g
        for _ in range(self.power):
            sums.append(self.base.character(h))
            h = h @ g
        found = [torch.ones_like(sums[0])]
        for k in range(1, self.power + 1):
            terms = (sign ** (i - 1) * sums[i - 1] * found[k - i] for i in range(1, k + 1))
            found.append(sum(terms, torch.zeros_like(sums[0])) / k)
        return found[-1]

    def _shown(self, inner: str) -> str:
        return f"({inner})" if isinstance(self.base, DirectSum | TensorProduct) else inner


@dataclass(frozen=True, repr=False)
class SymmetricPower(_Power):
    """S^k rho: how polynomials of degree k move. Made by ``rep.symmetric_power(k)``."""

    @property
    def dim(self) -> int:
        """The number of monomials, C(n + k - 1, k)."""
        return comb(self.base.dim + self.power - 1, self.power) if self.base.dim else 0

    def _isometry(self, power: int) -> Tensor:
        return _symmetric_isometry(self.base.dim, power)

    def character(self, g: Tensor) -> Tensor:
        """By Newton's identities: ``(...)``."""
        return self._newton(g, 1)

    def __str__(self) -> str:
        return f"S^{self.power}({self.base})"

    def __repr__(self) -> str:
        return f"{self._shown(repr(self.base))}.symmetric_power({self.power})"


@dataclass(frozen=True, repr=False)
class AntisymmetricPower(_Power):
    """The antisymmetric power of rho: how volumes of dimension k move. Made by ``rep.antisymmetric_power(k)``."""

    @property
    def dim(self) -> int:
        """The number of subsets, C(n, k)."""
        return comb(self.base.dim, self.power)

    def _isometry(self, power: int) -> Tensor:
        return _antisymmetric_isometry(self.base.dim, power)

    def character(self, g: Tensor) -> Tensor:
        """By Newton's identities: ``(...)``."""
        return self._newton(g, -1)

    def __str__(self) -> str:
        return f"A^{self.power}({self.base})"

    def __repr__(self) -> str:
        return f"{self._shown(repr(self.base))}.antisymmetric_power({self.power})"


@cached_constant
def _symmetric_isometry(n: int, power: int) -> Tensor:
    """<e_beta (x) e_i, e_alpha> = sqrt(alpha_i / k) where alpha = beta + i."""
    below = {word: k for k, word in enumerate(combinations_with_replacement(range(n), power - 1))}
    words = list(combinations_with_replacement(range(n), power))
    p = torch.zeros(len(below), n, len(words), dtype=torch.float64)
    for column, word in enumerate(words):
        for letter in set(word):
            rest = list(word)
            rest.remove(letter)
            p[below[tuple(rest)], letter, column] = (word.count(letter) / power) ** 0.5
    return p


@cached_constant
def _antisymmetric_isometry(n: int, power: int) -> Tensor:
    """<e_T (x) e_i, e_S> = +-1 / sqrt(k) where S = T + i; the sign is that of moving i behind the larger ones."""
    below = {word: k for k, word in enumerate(combinations(range(n), power - 1))}
    words = list(combinations(range(n), power))
    p = torch.zeros(len(below), n, len(words), dtype=torch.float64)
    for column, word in enumerate(words):
        for position, letter in enumerate(word):
            rest = word[:position] + word[position + 1 :]
            p[below[rest], letter, column] = (-1) ** (power - 1 - position) / power**0.5
    return p
