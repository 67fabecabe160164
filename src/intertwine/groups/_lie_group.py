"""Matrix Lie groups: elements, Haar sampling, Lie algebra, exponential and logarithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups._logarithm import principal_logarithm


@dataclass(frozen=True, repr=False)
class MatrixLieGroup(ABC):
    """A group of real n x n matrices, given by its Lie algebra, discrete generators, or elements. A frozen value.

    The structure of a group without its representations; ``Group`` adds these.
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
        X = self.hat(self.coordinates(principal_logarithm(g)))
        deviation = (torch.linalg.matrix_exp(X.detach()) - g.detach()).flatten(-2).abs().amax(-1)
        scale = g.detach().flatten(-2).abs().amax(-1).clamp_min(1)
        if not bool((deviation <= max(1e-8, 1e2 * torch.finfo(g.dtype).eps) * scale).all()):
            raise ValueError(
                f"an element has no logarithm in the Lie algebra of {self.name}: it lies in another component, or"
                " beyond the reach of the exponential"
            )
        return X

    def _stabilizer_generators(self, point: Tensor) -> Tensor | None:
        """Single elements ``(k, n, n)`` that fix a point and reach all components of its stabilizer, where known."""
        discrete = self.discrete_generators
        return discrete if bool((discrete @ point - point).abs().sum() == 0) else None

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

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@cached_constant
def _dual_basis(group: MatrixLieGroup) -> Tensor:
    basis = group.lie_algebra
    dual: Tensor = torch.linalg.pinv(basis.flatten(1)).T.reshape(basis.shape)
    return dual
