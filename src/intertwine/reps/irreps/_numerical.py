"""Irreps found numerically inside a rep of a group that has no table of irreps, such as SO(4) or the Lorentz group.

A symmetric matrix that commutes with the rep has irreducible eigenspaces when it is generic; a map that commutes joins
two of them exactly when they are equivalent, and aligns their bases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.groups import Irrep, Kind, Rep
from intertwine.reps.solve import APART, Subspace, canonical_basis, casimir, eigenspaces, solve_constraints

_KINDS: dict[int, Kind] = {1: "real", 2: "complex", 4: "quaternionic"}


class _Class(NamedTuple):
    """Equivalent irreducible subspaces, in bases in which the matrices are equal."""

    isometries: list[Tensor]
    endomorphisms: Tensor


@dataclass(frozen=True, repr=False)
class NumericalIrrep(Irrep):
    """An irrep that was found inside a rep: the restriction of rho to an irreducible subspace.

    Values are equal when they were found in equal reps at the same position; ``equivalence`` tells whether two that
    were found in different reps are the same up to a change of basis.

    Args:
        base: The rep that it was found in.
        index: The position among the irreps of the base, by dimension.
    """

    base: Rep
    index: int

    @property
    def _class(self) -> _Class:
        return _classes(self.base)[self.index]

    @property
    def dim(self) -> int:
        """The dimension of the subspace."""
        return self._class.isometries[0].shape[1]

    @property
    def isometry(self) -> Tensor:
        """The basis of the subspace, ``(base.dim, dim)``, float64, orthonormal."""
        return self._class.isometries[0].clone()

    @property
    def label(self) -> str:
        """The dimension, and a letter that counts within the base."""
        alike = [k for k, each in enumerate(_classes(self.base)) if each.isometries[0].shape[1] == self.dim]
        return f"{self.dim}{chr(97 + alike.index(self.index))}"

    @property
    def key(self) -> tuple[int, ...]:
        """The position, after the trivial irrep."""
        return (1, self.index)

    @property
    def kind(self) -> Kind:
        """By the dimension of the algebra of endomorphisms."""
        return _KINDS[len(self._class.endomorphisms)]

    @property
    def orthogonal(self) -> bool:
        """Whether the base is: the irreps of the Lorentz group but the trivial one are not."""
        return self.base.orthogonal

    @property
    def endomorphisms(self) -> Tensor:
        """The identity, then antisymmetric E with E^2 = -1: ``(e, dim, dim)``."""
        return self._class.endomorphisms.clone()

    @property
    def generators(self) -> Tensor:
        """The derivative along the basis of the Lie algebra, ``(d, dim, dim)``."""
        return self._compress(self.base.algebra(self.group.lie_algebra))

    def matrix(self, g: Tensor) -> Tensor:
        """B^T rho(g) B, ``(..., dim, dim)``."""
        return self._compress(self.base.matrix(g))

    def algebra(self, X: Tensor) -> Tensor:
        """B^T d rho(X) B, ``(..., dim, dim)``."""
        return self._compress(self.base.algebra(X))

    def _compress(self, matrix: Tensor) -> Tensor:
        basis = self._class.isometries[0].to(matrix)
        return basis.T @ matrix @ basis

    def __repr__(self) -> str:
        return f"NumericalIrrep({self.group!r}, {self.base!r}, {self.index})"


def components(rep: Rep) -> list[tuple[Irrep, Tensor]]:
    """The irreps of an orthogonal or self-adjoint rep, isometries ``(rep.dim, irrep.dim)``, equal ones together."""
    found: list[tuple[Irrep, Tensor]] = []
    for index, each in enumerate(_classes(rep)):
        component = NumericalIrrep(rep.group, rep, index)
        irrep = rep.group.trivial if _is_trivial(component) else component
        found += [(irrep, isometry) for isometry in each.isometries]
    return found


def _is_trivial(irrep: NumericalIrrep) -> bool:
    moved = irrep.matrix(irrep.group.discrete_generators) - 1
    return irrep.dim == 1 and float(moved.abs().sum() + irrep.generators.abs().sum()) < 1e-8


@lru_cache(maxsize=64)
def _classes(rep: Rep) -> tuple[_Class, ...]:
    with on_cpu(), torch.inference_mode(False):
        classes: list[_Class] = []
        for _, space in eigenspaces(casimir(rep)):
            part = Subspace(rep.group, rep, space)
            classes += _part_classes(space, solve_constraints(part, part))
        return tuple(sorted(classes, key=_sort_key))


def _part_classes(space: Tensor, commuting: Tensor) -> list[_Class]:
    """The classes inside one eigenspace of the Casimir operator; the commuting matrices are given in its own basis."""
    weights = (1 + torch.arange(len(commuting), dtype=torch.float64).square()).cos()
    symmetric = torch.einsum("k,kij->ij", weights, commuting + commuting.mT)
    inside: list[_Class] = []
    for _, part in eigenspaces(symmetric):
        for known in inside:
            aligned = _align(known.isometries[0], part, commuting)
            if aligned is not None:
                known.isometries.append(aligned)
                break
        else:
            basis = space.T @ canonical_basis((space @ part).T).T
            inside.append(_Class([basis], _endomorphisms(basis, commuting)))
    return [_Class([space @ isometry for isometry in each.isometries], each.endomorphisms) for each in inside]


def _sort_key(each: _Class) -> tuple[int, int]:
    """By dimension, then by the first coordinate that does not vanish."""
    basis = each.isometries[0]
    return basis.shape[1], int((basis.abs().amax(1) > APART).to(torch.int8).argmax())


def _align(first: Tensor, space: Tensor, commuting: Tensor) -> Tensor | None:
    """The basis of a subspace in which its matrices equal those of the first; None if it is not equivalent."""
    if first.shape != space.shape:
        return None
    joins = space.T @ commuting @ first
    # Each is an isometry times a number: take the longest, which is orthogonal up to that number.
    longest = joins[int(joins.flatten(1).norm(dim=1).argmax())]
    length = float(longest.norm()) / first.shape[1] ** 0.5
    return space @ longest / length if length > APART else None


def _endomorphisms(basis: Tensor, commuting: Tensor) -> Tensor:
    dim = basis.shape[1]
    inside = basis.T @ commuting @ basis
    antisymmetric = (inside - inside.mT).flatten(1) / 2
    _, values, rows = torch.linalg.svd(antisymmetric, full_matrices=False)
    rows = rows[values > APART]
    imaginary = canonical_basis(rows).reshape(-1, dim, dim) * dim**0.5
    assert len(imaginary) in (0, 1, 3), f"endomorphisms make R, C or H, not {1 + len(imaginary)} dimensions"
    return torch.cat([torch.eye(dim, dtype=torch.float64)[None], imaginary])
