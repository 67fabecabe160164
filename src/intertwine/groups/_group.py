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
    from intertwine.reps import Catalogue, Irrep, Rep


@dataclass(frozen=True, repr=False)
class Group(ABC):
    """A group of real n x n matrices. A frozen value: compared, hashed, pickled and printed as such.

    A subclass states ``name``, ``dimension``, ``sample`` (through ``_sample``) and ``contains``, and generates itself:
    ``lie_algebra`` spans the identity component, ``discrete_generators`` reach the other components. Its
    representations are the business of the floor above: see ``intertwine.reps.catalogue``.
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
        """Independent elements drawn from the Haar measure.

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

    def _catalogue(self) -> Catalogue:
        """What the floor above knows of this group's representations: the only door from a group to its reps."""
        return cast("Catalogue", import_module("intertwine.reps").catalogue(self))

    @property
    def trivial(self) -> Irrep:
        """The trivial representation, rho(g) = 1."""
        return self._catalogue().trivial

    @property
    def vector(self) -> Rep:
        """The defining representation, rho(g) = g; a sum of irreps where it is equal to one."""
        return self._catalogue().vector

    @property
    def regular(self) -> Rep:
        """The left regular representation of a finite group: rho(g) e_h = e_gh, in the order of ``elements``.

        Raises:
            ValueError: If the group is infinite.
        """
        return self._catalogue().regular

    def irrep(self, *label: object) -> Irrep:
        """One irreducible representation by its label, such as ``SO3().irrep(2)`` or ``O3().irrep("1o")``.

        Raises:
            UsageError: If the group has no such irrep, a ValueError; the message lists what it has.
        """
        return self._catalogue().irrep(*label)

    def irreps(self) -> Iterator[Irrep]:
        """All irreducible representations over the reals by increasing degree; endless for an infinite group."""
        return iter(self._catalogue())

    def rep(self, text: object) -> Rep:
        """Read a sum of irreps in the grammar "8x0e + 4x1o".

        Args:
            text: The text, or an ``e3nn.o3.Irreps`` (which prints itself in the same grammar), or a rep of this group.

        Raises:
            UsageError: If the text cannot be read, a ValueError.
            TypeError: If it is neither text nor a representation.
        """
        return self._catalogue().rep(text)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@constant
def _dual_basis(group: Group) -> Tensor:
    basis = group.lie_algebra
    dual: Tensor = torch.linalg.pinv(basis.flatten(1)).T.reshape(basis.shape)
    return dual
