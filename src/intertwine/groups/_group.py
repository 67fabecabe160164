"""The noun that acts: a group of real matrices, given by its Lie algebra, discrete generators, or elements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from intertwine.groups._constant import constant

if TYPE_CHECKING:
    from intertwine.groups._products import DirectProduct
    from intertwine.reps import Irrep, IrrepTable, Rep


@dataclass(frozen=True, repr=False)
class Group(ABC):
    """A group of real n x n matrices. A frozen value: compared, hashed, pickled and printed as such.

    A subclass states ``name``, ``dimension``, ``sample`` (through ``_sample``) and ``contains``, and generates itself:
    ``lie_algebra`` spans the identity component, ``discrete_generators`` reach the other components. Its
    representations are the business of the floor above: see ``intertwine.reps.irrep_table``.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The group as mathematics writes it, such as "SO(3)"."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The size n of the defining matrices."""

    @property
    def order(self) -> int | None:
        """How many elements there are; None when infinitely many."""
        return None

    @property
    def orthogonal(self) -> bool:
        """Whether all elements are orthogonal matrices."""
        return False

    @property
    def compact(self) -> bool:
        """Whether the group is compact: finite, or closed and made of orthogonal matrices."""
        return self.orthogonal or self.order is not None

    @property
    def lie_algebra(self) -> Tensor:
        """A basis ``(d, n, n)`` of the Lie algebra, float64; d = 0 for a discrete group."""
        return torch.zeros(0, self.dimension, self.dimension, dtype=torch.float64)

    @property
    def discrete_generators(self) -> Tensor:
        """Elements ``(k, n, n)``, float64, that together with the identity component generate the group."""
        return torch.zeros(0, self.dimension, self.dimension, dtype=torch.float64)

    @property
    def elements(self) -> Tensor:
        """All elements ``(order, n, n)``, float64, the identity first.

        Raises:
            ValueError: If there are infinitely many.
        """
        raise ValueError(f"{self.name} has infinitely many elements; draw some with sample(n)")

    @property
    def identity(self) -> Tensor:
        """The identity matrix ``(n, n)``, float64."""
        return torch.eye(self.dimension, dtype=torch.float64)

    def inverse(self, g: Tensor) -> Tensor:
        """The inverse ``(..., n, n)`` of each element."""
        return g.mT if self.orthogonal else torch.linalg.inv(g)

    def sample(self, n: int | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Independent random elements: from the Haar measure of a compact group.

        A group that is not compact has no Haar measure of total mass one. It draws from the distribution that its class
        states, of moderate size and over all components: good for tests of equivariance, not for averages.

        Args:
            n: How many; None for a single matrix.
            generator: A CPU generator, for reproducible draws.

        Returns:
            ``(n, dimension, dimension)``, or ``(dimension, dimension)`` when n is None; float64.

        Raises:
            ValueError: If n is negative.
        """
        if n is not None and n < 0:
            raise ValueError(f"n is the number of elements to draw, at least 0, got {n}")
        drawn = self._sample(1 if n is None else n, generator)
        return drawn[0] if n is None else drawn

    @abstractmethod
    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Draw ``(count, n, n)`` elements."""

    @abstractmethod
    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on its entries: ``(...)``, bool."""

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in words."""
        self.check_shape(g)
        rows = "; ".join(" ".join(f"{x:.3g}" for x in row) for row in g.tolist())
        return f"matrix [{rows}]"

    def exp(self, X: Tensor) -> Tensor:
        """The exponential ``(..., n, n)`` of elements ``(..., n, n)`` of the Lie algebra."""
        self.check_shape(X)
        return cast("Tensor", torch.linalg.matrix_exp(X))

    def log(self, g: Tensor) -> Tensor:
        """The principal logarithm: X in the Lie algebra with exp(X) = g, its angles between -180 and 180 degrees.

        Exact to rounding away from the half turns, where it jumps, and up to them.

        Args:
            g: ``(..., n, n)`` elements of the identity component.

        Returns:
            ``(..., n, n)``, of the dtype and device of g.

        Raises:
            ValueError: If an element has no logarithm in the Lie algebra, such as a reflection.

        Example:
            >>> from intertwine.groups import SO3
            >>> g = SO3().sample()
            >>> bool(torch.allclose(SO3().exp(SO3().log(g)), g, atol=1e-12))
            True
        """
        self.check_shape(g)
        return self._log(g)

    def _log(self, g: Tensor) -> Tensor:
        """The logarithm in general; a subclass that knows better overrides it."""
        from intertwine.groups._logarithm import principal_logarithm

        X = self.hat(self.coordinates(principal_logarithm(g)))
        deviation = (torch.linalg.matrix_exp(X.detach()) - g.detach()).flatten(-2).abs().amax(-1)
        scale = g.detach().flatten(-2).abs().amax(-1).clamp_min(1)
        if not bool((deviation <= max(1e-8, 1e2 * torch.finfo(g.dtype).eps) * scale).all()):
            raise ValueError(
                f"an element has no logarithm in the Lie algebra of {self.name}: it lies in another component, or"
                " beyond the reach of the exponential"
            )
        return X

    def stabilizer(self, point: Tensor) -> Group:
        """The subgroup of the elements that leave a point ``(n,)`` where it is.

        Of a continuous group this is the identity component of the stabilizer, with the components that are known:
        all of them for SO(n) and O(n).

        Raises:
            ValueError: If the group has components whose stabilizer is not known in general.
        """
        from intertwine.groups._matrix import stabilizer

        return stabilizer(self, point)

    def _fixing(self, point: Tensor) -> Tensor | None:
        """Single elements ``(k, n, n)`` that fix a point and reach all components of its stabilizer, where known."""
        discrete = self.discrete_generators
        return discrete if bool((discrete @ point - point).abs().sum() == 0) else None

    def __mul__(self, other: Group) -> DirectProduct:
        from intertwine.groups._products import DirectProduct

        return DirectProduct(self, other) if isinstance(other, Group) else NotImplemented

    def hat(self, coordinates: Tensor) -> Tensor:
        """The Lie-algebra elements ``(..., n, n)`` of coordinates ``(..., d)``: the inverse of ``coordinates``."""
        return torch.einsum("...d,dij->...ij", coordinates, self.lie_algebra.to(coordinates))

    def coordinates(self, X: Tensor) -> Tensor:
        """The coordinates ``(..., d)`` of Lie-algebra elements ``(..., n, n)`` in the basis ``lie_algebra``."""
        self.check_shape(X)
        return torch.einsum("...ij,dij->...d", X, _dual_basis(self).to(X))

    def check_shape(self, g: Tensor) -> None:
        """Refuse anything but ``(..., n, n)``.

        Raises:
            ValueError: If the last two axes are not n by n.
        """
        n = self.dimension
        if g.shape[-2:] != (n, n):
            raise ValueError(f"elements of {self.name} are (..., {n}, {n}) matrices, got shape {tuple(g.shape)}")

    def _irrep_table(self) -> IrrepTable:
        """What the floor above knows of this group's representations: the only door from a group to its reps."""
        return cast("IrrepTable", import_module("intertwine.reps").irrep_table(self))

    @property
    def trivial(self) -> Irrep:
        """The trivial representation, rho(g) = 1."""
        return self._irrep_table().trivial

    @property
    def vector(self) -> Rep:
        """The defining representation, rho(g) = g; a sum of irreps where it is equal to one."""
        return self._irrep_table().vector

    @property
    def adjoint(self) -> Rep:
        """The adjoint representation on the Lie algebra: Ad(g) X = g X g^-1, in the coordinates of ``lie_algebra``."""
        return cast("Rep", import_module("intertwine.reps").Adjoint(self))

    @property
    def regular(self) -> Rep:
        """The left regular representation of a finite group: rho(g) e_h = e_gh, in the order of ``elements``.

        Raises:
            ValueError: If the group is infinite.
        """
        return self._irrep_table().regular

    def irrep(self, *label: object) -> Irrep:
        """One irreducible representation by its label, such as ``SO3().irrep(2)`` or ``O3().irrep("1o")``.

        Raises:
            UsageError: If the group has no such irrep, a ValueError; the message lists what it has.
        """
        return self._irrep_table().irrep(*label)

    def irreps(self) -> Iterator[Irrep]:
        """All irreducible representations over the reals by increasing degree; endless for an infinite group."""
        return iter(self._irrep_table())

    def rep(self, text: object) -> Rep:
        """Read a sum of irreps in the grammar "8x0e + 4x1o".

        Args:
            text: The text, or an ``e3nn.o3.Irreps`` (which prints itself in the same grammar), or a rep of this group.

        Raises:
            UsageError: If the text cannot be read, a ValueError.
            TypeError: If it is neither text nor a representation.
        """
        return self._irrep_table().rep(text)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@constant
def _dual_basis(group: Group) -> Tensor:
    basis = group.lie_algebra
    dual: Tensor = torch.linalg.pinv(basis.flatten(1)).T.reshape(basis.shape)
    return dual
