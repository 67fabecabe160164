"""Groups, their linear representations and homomorphisms: the abstract types.

They name each other, so they are defined in one file. What makes one from another, such as a direct sum, is
implemented above, behind the two interfaces at the end; see ``intertwine._late_binding``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine._late_binding import implementation
from intertwine.groups._lie_group import MatrixLieGroup

Kind = Literal["real", "complex", "quaternionic"]

MOST_FACTORS = 1000
"""The largest power of a representation."""


@dataclass(frozen=True, repr=False)
class Group(MatrixLieGroup):
    """A group of real n x n matrices. A frozen value: compared, hashed, pickled and printed as such.

    A subclass states ``name``, ``dimension``, ``sample`` (through ``_sample``) and ``contains``, and generates itself:
    ``lie_algebra`` spans the identity component, ``discrete_generators`` reach the other components. Its irreps are
    those that ``intertwine.reps.irrep_table`` knows.
    """

    def stabilizer(self, point: Tensor) -> Group:
        """The subgroup of the elements that leave a point ``(n,)`` where it is.

        Of a continuous group this is the identity component of the stabilizer, with the components that are known:
        all of them for SO(n) and O(n).

        Raises:
            ValueError: If the group has components whose stabilizer is not known in general.
        """
        return _groups().point_stabilizer(self, point)

    def __mul__(self, other: Group) -> Group:
        return _groups().direct_product(self, other) if isinstance(other, Group) else NotImplemented

    @property
    def trivial(self) -> Irrep:
        """The trivial representation, rho(g) = 1."""
        return _reps().irrep_table(self).trivial

    @property
    def vector(self) -> Rep:
        """The defining representation, rho(g) = g; a sum of irreps where it is equal to one."""
        return _reps().irrep_table(self).vector

    @property
    def adjoint(self) -> Rep:
        """The adjoint representation on the Lie algebra: Ad(g) X = g X g^-1, in the coordinates of ``lie_algebra``."""
        return _reps().irrep_table(self).adjoint

    @property
    def regular(self) -> Rep:
        """The left regular representation of a finite group: rho(g) e_h = e_gh, in the order of ``elements``.

        Raises:
            ValueError: If the group is infinite.
        """
        return _reps().irrep_table(self).regular

    def irrep(self, *label: object) -> Irrep:
        """One irreducible representation by its label, such as ``SO3().irrep(2)`` or ``O3().irrep("1o")``.

        Raises:
            UsageError: If the group has no such irrep, a ValueError; the message lists what it has.
        """
        return _reps().irrep_table(self).irrep(*label)

    def irreps(self) -> Iterator[Irrep]:
        """All irreducible representations over the reals by increasing degree; endless for an infinite group."""
        return iter(_reps().irrep_table(self))

    def rep(self, text: object) -> Rep:
        """Read a sum of irreps in the grammar "8x0e + 4x1o".

        Args:
            text: The text, or an ``e3nn.o3.Irreps`` (which prints itself in the same grammar), or a rep of this group.

        Raises:
            UsageError: If the text cannot be read, a ValueError.
            TypeError: If it is neither text nor a representation.
        """
        return _reps().irrep_table(self).rep(text)


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
    def terms(self) -> tuple[tuple[int, Rep], ...]:
        """The terms of a direct sum with the number of their copies; of any other rep itself, once."""
        return ((1, self),)

    @property
    def irreps(self) -> tuple[tuple[int, Irrep], ...] | None:
        """The terms ``((8, 0e), (4, 1o))`` of a rep that is written as a sum of irreps; else None."""
        return None

    @property
    def dual(self) -> Rep:
        """The dual representation, rho*(g) = rho(g^-1)^T; the rep itself where rho is orthogonal."""
        return _reps().dual(self)

    def character(self, g: Tensor) -> Tensor:
        """The trace of rho(g): ``(...)`` for ``(..., n, n)`` elements."""
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def decompose(self) -> Decomposition:
        """The change of basis to irreps: rho(g) = Q irreps(g) Q^T.

        Returns:
            ``(matrix, irreps)``: Q ``(dim, dim)``, orthogonal, float64, and a sum of irreps, sorted as in
            ``group.irreps()``.

        Raises:
            ValueError: If the rep is not orthogonal and, for a group that is not compact such as the Lorentz group, not
                self-adjoint either: rho(g^T) = rho(g)^T.

        Example:
            >>> from intertwine.groups import SO3
            >>> V = SO3().vector
            >>> str((V * V).decompose().irreps)
            '1x0 + 1x1 + 1x2'
        """
        return _reps().decompose(self)

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
        return _reps().restrict(self, subgroup)

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
        return _reps().induce(self, group)

    def symmetric_power(self, power: int) -> Rep:
        """The part of the tensor power that permutations of the factors leave alone: polynomials of this degree.

        Raises:
            ValueError: If the power is not a whole number, at least 0.
        """
        return _reps().symmetric_power(self, power)

    def antisymmetric_power(self, power: int) -> Rep:
        """The part of the tensor power that changes by the sign of a permutation of the factors.

        Raises:
            ValueError: If the power is not a whole number, at least 0.
        """
        return _reps().antisymmetric_power(self, power)

    def __add__(self, other: Rep) -> Rep:
        if not isinstance(other, Rep):
            return NotImplemented
        return _reps().direct_sum(self.group, ((1, self), (1, other)))

    def __radd__(self, other: object) -> Rep:
        # sum([...]) starts from zero, which is the empty rep.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, other: Rep) -> Rep:
        if isinstance(other, int):
            raise TypeError(f"copies are written with the number first: {other} * rep")
        if not isinstance(other, Rep):
            return NotImplemented
        return _reps().tensor_product(self.group, (self, other))

    def __rmul__(self, copies: int) -> Rep:
        if not isinstance(copies, int) or isinstance(copies, bool):
            return NotImplemented
        return _reps().direct_sum(self.group, ((copies, self),))

    def __pow__(self, power: int) -> Rep:
        if not isinstance(power, int) or isinstance(power, bool) or power < 0:
            raise ValueError(f"a tensor power is a whole number, at least 0, got {power!r}")
        if power > MOST_FACTORS:
            raise UsageError(f"a tensor power is at most {MOST_FACTORS:,}, got {show_count(power)}")
        return _reps().tensor_product(self.group, (self,) * power)


@dataclass(frozen=True, repr=False)
class Irrep(Rep):
    """A representation, irreducible over the reals, by orthogonal matrices; self-adjoint for groups not compact."""

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


class Decomposition(NamedTuple):
    """rho(g) = matrix @ irreps.matrix(g) @ matrix.T."""

    matrix: Tensor
    """Q, ``(dim, dim)``, orthogonal, float64."""
    irreps: Rep
    """A sum of irreps, equal ones together, sorted as ``group.irreps()``."""


@dataclass(frozen=True)
class Homomorphism(ABC):
    """A map f: H -> G with f(a b) = f(a) f(b). A frozen value.

    Attributes:
        source: The group H that is mapped.
        target: The group G that it is mapped into.
    """

    source: Group
    target: Group

    @abstractmethod
    def __call__(self, h: Tensor) -> Tensor:
        """The image ``(..., n, n)`` of elements ``(..., m, m)``; differentiable."""

    @abstractmethod
    def derivative(self, X: Tensor) -> Tensor:
        """The image ``(..., n, n)`` of Lie-algebra elements ``(..., m, m)``; linear."""


class _IrrepTable(Protocol):
    """The irreps of one group; ``intertwine.reps.IrrepTable``."""

    @property
    def trivial(self) -> Irrep: ...
    @property
    def vector(self) -> Rep: ...
    @property
    def regular(self) -> Rep: ...
    @property
    def adjoint(self) -> Rep: ...
    def irrep(self, *label: object) -> Irrep: ...
    def rep(self, text: object) -> Rep: ...
    def __iter__(self) -> Iterator[Irrep]: ...


class _Groups(Protocol):
    """Groups that are made from groups."""

    def direct_product(self, left: Group, right: Group) -> Group: ...
    def point_stabilizer(self, group: Group, point: Tensor) -> Group: ...


class _Reps(Protocol):
    """Representations of a group, and those that are made from representations."""

    def irrep_table(self, group: Group) -> _IrrepTable: ...
    def direct_sum(self, group: Group, terms: Iterable[tuple[int, Rep]]) -> Rep: ...
    def tensor_product(self, group: Group, factors: Iterable[Rep]) -> Rep: ...
    def dual(self, rep: Rep) -> Rep: ...
    def decompose(self, rep: Rep) -> Decomposition: ...
    def restrict(self, rep: Rep, subgroup: Group | Homomorphism) -> Rep: ...
    def induce(self, rep: Rep, group: Group) -> Rep: ...
    def symmetric_power(self, rep: Rep, power: int) -> Rep: ...
    def antisymmetric_power(self, rep: Rep, power: int) -> Rep: ...


def _groups() -> _Groups:
    return cast("_Groups", implementation("groups"))


def _reps() -> _Reps:
    return cast("_Reps", implementation("reps"))
