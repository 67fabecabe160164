"""Irreps of SO(3) and O(3): Wigner matrices, in the basis of e3nn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import sqrt

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine._errors import UsageError
from intertwine.groups import O3, SO3, Irrep, Rep
from intertwine.reps._composite import direct_sum
from intertwine.reps.irreps._irrep_table import IrrepTable, irrep_table
from intertwine.reps.irreps._planar import highest_frequency
from intertwine.reps.irreps._wigner import LARGEST_DEGREE, wigner_d
from intertwine.reps.solve import wigner_3j

_STRIDE = 30


@dataclass(frozen=True, repr=False)
class SphericalIrrep(Irrep):
    """D^l of SO(3), or of O(3) with the parity p: the inversion acts by p, so rho(-R) = p D^l(R).

    Args:
        group: SO3() or O3().
        degree: l.
        parity: p, +1 (even) or -1 (odd); +1 for SO(3).
    """

    degree: int
    parity: int = 1

    @property
    def dim(self) -> int:
        """2 l + 1."""
        return 2 * self.degree + 1

    @property
    def label(self) -> str:
        """The degree, and for O(3) the parity "e" or "o"."""
        return f"{self.degree}" if isinstance(self.group, SO3) else f"{self.degree}{'e' if self.parity > 0 else 'o'}"

    @property
    def key(self) -> tuple[int, ...]:
        """By degree, the parity of the spherical harmonics first: 0e 0o 1o 1e 2e 2o, as in e3nn."""
        return (self.degree, -self.parity * (-1) ** self.degree if isinstance(self.group, O3) else 0)

    @property
    def generators(self) -> Tensor:
        """The angular momenta about x, y and z: ``(3, 2 l + 1, 2 l + 1)``, real and antisymmetric."""
        return _angular_momenta(self.degree)

    def matrix(self, g: Tensor) -> Tensor:
        """The Wigner matrices, ``(..., 2 l + 1, 2 l + 1)``, of the dtype and device of g."""
        self.group.check_shape(g)
        d = wigner_d(self.degree, g)
        # A polynomial of degree l in g: D^l(-R) = (-1)^l D^l(R) comes of itself.
        if isinstance(self.group, SO3) or self.parity == (-1) ** self.degree:
            return d
        sign: Tensor = torch.linalg.det(g.detach()).sign()
        return d * sign[..., None, None]


@cached_constant
def _angular_momenta(degree: int) -> Tensor:
    """The derivative of the recursion D^l = P (D^{l-1} (x) R) P^T at the identity."""
    if degree == 0:
        return torch.zeros(3, 1, 1, dtype=torch.float64)
    vector = SO3().lie_algebra
    if degree == 1:
        return vector
    if degree > LARGEST_DEGREE:
        raise UsageError(f"the irreps of rotations are computed up to degree {LARGEST_DEGREE}, got {degree}")
    if degree > _STRIDE:
        _angular_momenta(degree - _STRIDE)  # so that the recursion stays shallow
    below = _angular_momenta(degree - 1)
    p = wigner_3j(degree - 1, 1, degree) * sqrt(2 * degree + 1)
    return torch.einsum("aim,dab,bin->dmn", p, below, p) + torch.einsum("aim,dij,ajn->dmn", p, vector, p)


class SphericalIrrepTable(IrrepTable):
    """The irreps l of SO(3), and le, lo of O(3)."""

    def __init__(self, group: SO3 | O3) -> None:
        super().__init__(group)
        self._parities = (1, -1) if isinstance(group, O3) else (1,)
        self.pattern = r"\d+[eo]" if isinstance(group, O3) else r"\d+"
        self.example = "8x0e + 4x1o" if isinstance(group, O3) else "8x0 + 4x1"

    @property
    def trivial(self) -> Irrep:
        """Degree 0, even."""
        return SphericalIrrep(self.group, 0, 1)

    @property
    def vector(self) -> Rep:
        """Degree 1, odd."""
        return SphericalIrrep(self.group, 1, -1 if len(self._parities) == 2 else 1)

    def read(self, *label: object) -> Irrep | None:
        """``2`` or "2" for SO(3); "1o", ``(1, -1)`` or ``(1, "o")`` for O(3)."""
        if len(self._parities) == 1:
            parity = 1 if len(label) == 1 else None
        else:
            if len(label) == 1 and isinstance(label[0], str):
                label = (label[0][:-1], label[0][-1:])
            parity = {"e": 1, "1": 1, "o": -1, "-1": -1}.get(str(label[1])) if len(label) == 2 else None
        if parity is None or not re.fullmatch(r"\d+", str(label[0])):
            return None
        return SphericalIrrep(self.group, int(str(label[0])), parity)

    def describe_labels(self) -> str:
        """The grammar in an example."""
        return "degrees 0, 1, 2 .." if len(self._parities) == 1 else 'degrees with a parity: "0e", "1o" or (1, -1) ..'

    def __iter__(self) -> Iterator[Irrep]:
        for degree in count():
            yield from self._of_degree(degree)

    def _of_degree(self, degree: int) -> list[Irrep]:
        irreps = [SphericalIrrep(self.group, degree, parity) for parity in self._parities]
        return sorted(irreps, key=lambda irrep: irrep.key)

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """All degrees up to the highest weight."""
        for degree in range(highest_frequency(rep) + 1):
            yield from self._of_degree(degree)

    def product(self, left: Irrep, right: Irrep) -> tuple[Tensor, Rep]:
        """Degrees |l1 - l2| to l1 + l2, by Clebsch-Gordan coefficients."""
        assert isinstance(left, SphericalIrrep), "a table of spherical irreps multiplies spherical irreps"
        assert isinstance(right, SphericalIrrep), "a table of spherical irreps multiplies spherical irreps"
        columns, terms = [], []
        for degree in range(abs(left.degree - right.degree), left.degree + right.degree + 1):
            isometry = wigner_3j(left.degree, right.degree, degree) * sqrt(2 * degree + 1)
            columns.append(isometry.flatten(0, 1))
            terms.append((1, SphericalIrrep(self.group, degree, left.parity * right.parity)))
        return torch.cat(columns, dim=1), direct_sum(self.group, terms)


irrep_table.register(SO3, SphericalIrrepTable)
irrep_table.register(O3, SphericalIrrepTable)
