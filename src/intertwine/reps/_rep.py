"""The noun that says how a group acts on a vector space, and its algebra: + * n* dual."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from intertwine.groups import Group

if TYPE_CHECKING:
    from intertwine.groups import Homomorphism
    from intertwine.reps.solve._decompose import Decomposition

Kind = Literal["real", "complex", "quaternionic"]


@dataclass(frozen=True, repr=False)
class Rep(ABC):
    """A linear representation rho: G -> GL(dim), rho(gh) = rho(g) rho(h).

    A frozen value: hashed and compared by value, picklable; ``str`` prints the grammar that ``group.rep`` reads,
    ``repr`` prints Python that evaluates to an equal value. Equal values have equal matrices; sums are kept flat, equal
    neighbors in a sum are merged, products are kept flat.
    """

    group: Group

    @property
    @abstractmethod
    def dim(self) -> int:
        """The dimension of the space acted on."""

    @abstractmethod
    def matrix(self, g: Tensor) -> Tensor:
        """The matrices rho(g).

        Args:
            g: ``(..., n, n)`` elements of the group.

        Returns:
            ``(..., dim, dim)``, of the dtype and device of g, differentiable in g along the group.
        """

    @abstractmethod
    def algebra(self, X: Tensor) -> Tensor:
        """The derivative d rho(X) = d/dt rho(exp(t X)) at t = 0.

        Args:
            X: ``(..., n, n)`` elements of the Lie algebra.

        Returns:
            ``(..., dim, dim)``, of the dtype and device of X, linear in X.
        """

    @property
    def orthogonal(self) -> bool:
        """Whether all matrices are known to be orthogonal."""
        return self.group.orthogonal

    @property
    def irreps(self) -> tuple[tuple[int, Irrep], ...] | None:
        """The terms ``((8, 0e), (4, 1o))`` of a rep that is written as a sum of irreps; else None."""
        return None

    @property
    def dual(self) -> Rep:
        """The dual representation, rho*(g) = rho(g^-1)^T; the rep itself where rho is orthogonal."""
        from intertwine.reps._composite import Dual

        return self if self.orthogonal else Dual(self.group, self)

    def character(self, g: Tensor) -> Tensor:
        """The trace of rho(g): ``(...)`` for ``(..., n, n)`` elements."""
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def decompose(self) -> Decomposition:
        """The change of basis to irreps: rho(g) = Q irreps(g) Q^T.

        Returns:
            ``(matrix, irreps)``: Q ``(dim, dim)``, orthogonal, float64, and a sum of irreps, sorted as in
            ``group.irreps()``.

        Raises:
            ValueError: If the rep is not orthogonal or its irreps are not known.

        Example:
            >>> from intertwine.groups import SO3
            >>> V = SO3().vector
            >>> str((V * V).decompose().irreps)
            '1x0 + 1x1 + 1x2'
        """
        from intertwine.reps.solve._decompose import decompose

        return decompose(self)

    def restrict(self, subgroup: Group | Homomorphism) -> Rep:
        """The restriction to a subgroup: the same matrices for fewer elements; along a homomorphism, rho(f(h)).

        Args:
            subgroup: A group of matrices of the same size, or a homomorphism into this rep's group, such as an
                ``Embedding`` of SO(2) into SO(3).

        Raises:
            ValueError: If it is no subgroup, or does not map into this rep's group.

        Example:
            >>> from intertwine.groups import SO3, Octahedral
            >>> str(SO3().irrep(2).restrict(Octahedral()).decompose().irreps)
            '1xE + 1xT2'
        """
        from intertwine.reps._pullback import restrict

        return restrict(self, subgroup)

    def induce(self, group: Group) -> Rep:
        """The representation of a finite group that is induced from this one of a subgroup H.

        The space is a copy of this rep's for each coset g H: dimension ``dim order / |H|``.

        Args:
            group: A finite group that contains this rep's group.

        Raises:
            ValueError: If the group is infinite or does not contain this rep's group.

        Example:
            >>> from intertwine.groups import Icosahedral, Tetrahedral
            >>> str(Tetrahedral().trivial.induce(Icosahedral()).decompose().irreps)
            '1xA + 1xG'
        """
        from intertwine.reps._induced import induce

        return induce(self, group)

    def symmetric_power(self, power: int) -> Rep:
        """The part of the tensor power that permutations of the factors leave alone: polynomials of this degree.

        Raises:
            ValueError: If the power is not a whole number, at least 0.
        """
        from intertwine.reps._powers import symmetric_power

        return symmetric_power(self, power)

    def antisymmetric_power(self, power: int) -> Rep:
        """The part of the tensor power that changes by the sign of a permutation of the factors.

        Raises:
            ValueError: If the power is not a whole number, at least 0.
        """
        from intertwine.reps._powers import antisymmetric_power

        return antisymmetric_power(self, power)

    def __add__(self, other: Rep) -> Rep:
        from intertwine.reps._composite import direct_sum

        if not isinstance(other, Rep):
            return NotImplemented
        return direct_sum(self.group, ((1, self), (1, other)))

    def __radd__(self, other: object) -> Rep:
        # sum([...]) starts from zero, which is the empty rep.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, other: Rep) -> Rep:
        from intertwine.reps._composite import tensor_product

        if isinstance(other, int):
            raise TypeError(f"copies are written with the number first: {other} * rep")
        if not isinstance(other, Rep):
            return NotImplemented
        return tensor_product(self.group, (self, other))

    def __rmul__(self, copies: int) -> Rep:
        from intertwine.reps._composite import direct_sum

        if not isinstance(copies, int) or isinstance(copies, bool):
            return NotImplemented
        return direct_sum(self.group, ((copies, self),))

    def __pow__(self, power: int) -> Rep:
        from intertwine.reps._composite import tensor_product

        if not isinstance(power, int) or isinstance(power, bool) or power < 0:
            raise ValueError(f"a tensor power is a whole number, at least 0, got {power!r}")
        return tensor_product(self.group, (self,) * power)


@dataclass(frozen=True, repr=False)
class Irrep(Rep):
    """A representation, irreducible over the reals, by orthogonal matrices."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What ``group.irrep`` reads, such as "1o"."""

    @property
    @abstractmethod
    def key(self) -> tuple[int, ...]:
        """The place in ``group.irreps()``, for sorting."""

    @property
    @abstractmethod
    def generators(self) -> Tensor:
        """The derivative along the basis of the Lie algebra, ``(d, dim, dim)``, float64."""

    @property
    def kind(self) -> Kind:
        """The division algebra of endomorphisms: "real", "complex" or "quaternionic"."""
        return "real"

    @property
    def endomorphisms(self) -> Tensor:
        """A basis ``(e, dim, dim)`` of End_G, float64: the identity first, orthogonal, each with E E^T = 1."""
        return torch.eye(self.dim, dtype=torch.float64).unsqueeze(0)

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    @property
    def irreps(self) -> tuple[tuple[int, Irrep], ...]:
        """The irrep once."""
        return ((1, self),)

    def algebra(self, X: Tensor) -> Tensor:
        """The derivative d rho(X), ``(..., dim, dim)`` for ``(..., n, n)``: the generators weighted by coordinates."""
        return torch.einsum("...d,dij->...ij", self.group.coordinates(X), self.generators.to(X))

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f'{self.group!r}.irrep("{self.label}")'
