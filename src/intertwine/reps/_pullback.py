"""Representations along a homomorphism: rho(f(h)). Restriction to a subgroup is the case where f includes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from torch import Tensor

from intertwine.groups import SO3, Group, Homomorphism, Inclusion
from intertwine.reps._composite import DirectSum, Dual, TensorProduct, direct_sum, tensor_product
from intertwine.reps._elementary import Vector
from intertwine.reps._rep import Rep
from intertwine.reps.irreps._spherical import SphericalIrrep


def restrict(rep: Rep, subgroup: Group | Homomorphism) -> Rep:
    """See ``Rep.restrict``. Sums, products and duals are restricted term by term.

    The trivial rep stays trivial, and the irreps of O(3) stay irreps under SO(3).
    """
    along = subgroup if isinstance(subgroup, Homomorphism) else Inclusion(subgroup, rep.group)
    if along.target != rep.group:
        raise ValueError(f"{rep!r} is a rep of {rep.group}, but the homomorphism maps into {along.target}")
    return _restrict(rep, along)


def _restrict(rep: Rep, along: Homomorphism) -> Rep:
    group = along.source
    if isinstance(along, Inclusion) and group == rep.group:
        return rep
    if isinstance(rep, DirectSum):
        return direct_sum(group, ((copies, _restrict(term, along)) for copies, term in rep.terms))
    if isinstance(rep, TensorProduct):
        return tensor_product(group, (_restrict(factor, along) for factor in rep.factors))
    if isinstance(rep, Dual):
        return _restrict(rep.base, along).dual
    if rep == rep.group.trivial:
        return group.trivial
    if isinstance(along, Inclusion) and (isinstance(rep, Vector) or rep == rep.group.vector):
        return group.vector
    if isinstance(rep, SphericalIrrep) and isinstance(along, Inclusion) and group == SO3():
        return SO3().irrep(rep.degree)
    if isinstance(rep, Pullback):
        return Pullback(group, rep.base, (*rep.path, along))
    return Pullback(group, rep, (along,))


@dataclass(frozen=True, repr=False)
class Pullback(Rep):
    """rho(f(h)) for a homomorphism f, or a path of them, the last one applied first. Made by ``restrict``."""

    base: Rep
    path: tuple[Homomorphism, ...]

    @property
    def dim(self) -> int:
        """The dimension of the base."""
        return self.base.dim

    @property
    def orthogonal(self) -> bool:
        """Whether the base is, or the group makes it so."""
        return self.base.orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        """rho(f(g)), ``(..., dim, dim)``."""
        self.group.check_shape(g)
        return self.base.matrix(reduce(lambda h, f: f(h), reversed(self.path), g))

    def algebra(self, X: Tensor) -> Tensor:
        """The derivative d rho(df(X)), ``(..., dim, dim)``."""
        self.group.check_shape(X)
        return self.base.algebra(reduce(lambda Y, f: f.derivative(Y), reversed(self.path), X))

    def character(self, g: Tensor) -> Tensor:
        """The character of the base at f(g): ``(...)``."""
        self.group.check_shape(g)
        return self.base.character(reduce(lambda h, f: f(h), reversed(self.path), g))

    def __str__(self) -> str:
        return f"({self.base})|{self.group}"

    def __repr__(self) -> str:
        shown = f"({self.base!r})" if isinstance(self.base, DirectSum | TensorProduct) else repr(self.base)
        steps = (f.source if isinstance(f, Inclusion) else f for f in self.path)
        return shown + "".join(f".restrict({step!r})" for step in steps)
