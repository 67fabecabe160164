"""Irreps of SU(2), by spin: integer ones are Wigner matrices of the rotation, half-integer ones are quaternionic.

The irrep of spin l + 1/2 is the larger half of D^l (x) H, with H the quaternions on which SU(2) acts from the left; it
has 4 (l + 1) real dimensions, and multiplication from the right commutes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import SU2, DoubleCover, Irrep, Kind, Rep, right_multiplication
from intertwine.reps._composite import batched_kron, direct_sum
from intertwine.reps.irreps._irrep_table import IrrepTable, irrep_table
from intertwine.reps.irreps._spherical import SphericalIrrep
from intertwine.reps.irreps._wigner import wigner_d
from intertwine.reps.solve import canonical_basis, wigner_3j


@dataclass(frozen=True, repr=False)
class SpinIrrep(Irrep):
    """The irrep of spin j of SU(2), over the reals.

    Args:
        group: SU2().
        twice: 2 j.
    """

    twice: int

    @property
    def _is_integer(self) -> bool:
        return self.twice % 2 == 0

    @property
    def dim(self) -> int:
        """2 j + 1 for whole spins, 2 (2 j + 1) for half-odd ones."""
        return (self.twice + 1) * (1 if self._is_integer else 2)

    @property
    def label(self) -> str:
        """The spin, "1/2"."""
        return str(self.twice // 2) if self._is_integer else f"{self.twice}/2"

    @property
    def key(self) -> tuple[int, ...]:
        """By spin."""
        return (self.twice,)

    @property
    def kind(self) -> Kind:
        """Real for whole spins, quaternionic for half-odd ones."""
        return "real" if self._is_integer else "quaternionic"

    @property
    def endomorphisms(self) -> Tensor:
        """The identity; for half-odd spins also multiplication by i, j and k from the right: ``(e, dim, dim)``."""
        return super().endomorphisms if self._is_integer else _right(self.twice)

    @property
    def generators(self) -> Tensor:
        """The derivative along i/2, j/2 and k/2: ``(3, dim, dim)``."""
        if self._is_integer:
            return SphericalIrrep(DoubleCover().target, self.twice // 2).generators
        return _spin_generators(self.twice)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``, of the dtype and device of g."""
        self.group.check_shape(g)
        if self.twice == 1:
            return g
        rotation = wigner_d(self.twice // 2, DoubleCover()(g))
        if self._is_integer:
            return rotation
        p = _half(self.twice).to(g)
        return p.T @ batched_kron(rotation, g) @ p


@cached_constant
def _half(twice: int) -> Tensor:
    """The isometry from spin l + 1/2 into D^l (x) H: the highest eigenspace of the Casimir operator."""
    if twice == 1:
        return torch.eye(4, dtype=torch.float64)
    spin = _product_generators(twice)
    casimir = -(spin @ spin).sum(0)
    vectors = torch.linalg.eigh(casimir).eigenvectors[:, -2 * (twice + 1) :]
    return canonical_basis(vectors.T).T


def _product_generators(twice: int) -> Tensor:
    """The derivative of D^l (x) H, ``(3, d, d)``, l = j - 1/2."""
    orbital = SphericalIrrep(DoubleCover().target, twice // 2).generators
    one = torch.eye(4, dtype=torch.float64)
    return batched_kron(orbital, one) + batched_kron(torch.eye(twice, dtype=torch.float64), SU2().lie_algebra)


@cached_constant
def _spin_generators(twice: int) -> Tensor:
    p = _half(twice)
    return p.T @ _product_generators(twice) @ p


@cached_constant
def _right(twice: int) -> Tensor:
    p = _half(twice)
    units = right_multiplication(torch.eye(4, dtype=torch.float64))
    inside = p.T @ batched_kron(torch.eye(twice, dtype=torch.float64), units) @ p
    inside[0] = torch.eye(len(inside[0]), dtype=torch.float64)
    return inside


class SpinIrrepTable(IrrepTable):
    """0, 1/2, 1, 3/2 .. of SU(2)."""

    pattern = r"\d+(?:/2)?"
    example = "8x0 + 4x1/2"

    @property
    def trivial(self) -> Irrep:
        """Spin 0."""
        return SpinIrrep(self.group, 0)

    @property
    def vector(self) -> Rep:
        """Spin 1/2: the quaternions."""
        return SpinIrrep(self.group, 1)

    def read(self, *label: object) -> Irrep | None:
        """``1``, "1", "1/2", "3/2"."""
        match = re.fullmatch(r"(\d+)(/2)?", str(label[0])) if len(label) == 1 else None
        if match is None or (match[2] and int(match[1]) % 2 == 0):
            return None
        return SpinIrrep(self.group, int(match[1]) * (1 if match[2] else 2))

    def describe_labels(self) -> str:
        """The grammar in an example."""
        return 'spins 0, "1/2", 1, "3/2" ..'

    def __iter__(self) -> Iterator[Irrep]:
        return (SpinIrrep(self.group, twice) for twice in count())

    def product(self, left: Irrep, right: Irrep) -> tuple[Tensor, Rep] | None:
        """Of whole spins as of the rotation group; of others it is solved for."""
        twice = [irrep.twice for irrep in (left, right) if isinstance(irrep, SpinIrrep)]
        if len(twice) < 2 or any(one % 2 for one in twice):
            return None
        degrees = range(abs(twice[0] - twice[1]) // 2, sum(twice) // 2 + 1)
        columns = [
            (wigner_3j(twice[0] // 2, twice[1] // 2, degree) * (2 * degree + 1) ** 0.5).flatten(0, 1)
            for degree in degrees
        ]
        terms = ((1, SpinIrrep(self.group, 2 * degree)) for degree in degrees)
        return torch.cat(columns, dim=1), direct_sum(self.group, terms)

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """All spins up to the highest weight."""
        if rep.dim:
            derivative = rep.algebra(self.group.lie_algebra[0])
            for twice in range(round(2 * float(torch.linalg.matrix_norm(derivative, 2))) + 1):
                yield SpinIrrep(self.group, twice)


irrep_table.register(SU2, SpinIrrepTable)
