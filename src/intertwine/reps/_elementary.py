"""Trivial, defining, adjoint and regular representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup, Irrep, Rep


@dataclass(frozen=True, repr=False)
class Trivial(Irrep):
    """rho(g) = 1, of a group whose other irreps are not known."""

    @property
    def dim(self) -> int:
        """1."""
        return 1

    @property
    def label(self) -> str:
        """The word "trivial"."""
        return "trivial"

    @property
    def key(self) -> tuple[int, ...]:
        """First of all."""
        return (0,)

    @property
    def generators(self) -> Tensor:
        """Zeros ``(d, 1, 1)``."""
        return torch.zeros(len(self.group.lie_algebra), 1, 1, dtype=torch.float64)

    def matrix(self, g: Tensor) -> Tensor:
        """Ones ``(..., 1, 1)``."""
        self.group.check_shape(g)
        return torch.ones_like(g[..., :1, :1])

    def __repr__(self) -> str:
        return f"{self.group!r}.trivial"


@dataclass(frozen=True, repr=False)
class DefiningRep(Rep):
    """The defining representation, rho(g) = g."""

    @property
    def dim(self) -> int:
        """The size of the group's matrices."""
        return self.group.dimension

    def matrix(self, g: Tensor) -> Tensor:
        """The element itself."""
        self.group.check_shape(g)
        return g

    def algebra(self, X: Tensor) -> Tensor:
        """The element of the Lie algebra itself."""
        self.group.check_shape(X)
        return X

    def __str__(self) -> str:
        return "vector"

    def __repr__(self) -> str:
        return f"{self.group!r}.vector"


@dataclass(frozen=True, repr=False)
class Adjoint(Rep):
    """The adjoint representation, Ad(g) X = g X g^-1, on the coordinates of the Lie algebra; its derivative is ad."""

    @property
    def dim(self) -> int:
        """The dimension of the Lie algebra."""
        return len(self.group.lie_algebra)

    @property
    def orthogonal(self) -> bool:
        """Whether the group is, and its basis of the Lie algebra is orthogonal with equal lengths."""
        flat = self.group.lie_algebra.flatten(1)
        gram = flat @ flat.T
        return self.group.orthogonal and bool((gram - gram[:1, :1] * torch.eye(self.dim).to(gram)).abs().sum() < 1e-10)

    def matrix(self, g: Tensor) -> Tensor:
        """The coordinates of g X g^-1, ``(..., dim, dim)``."""
        self.group.check_shape(g)
        g = g.unsqueeze(-3)
        return self.group.coordinates(g @ self.group.lie_algebra.to(g) @ self.group.inverse(g)).mT

    def algebra(self, X: Tensor) -> Tensor:
        """The coordinates of the commutators [X, Y], ``(..., dim, dim)``."""
        self.group.check_shape(X)
        X, basis = X.unsqueeze(-3), self.group.lie_algebra.to(X)
        return self.group.coordinates(X @ basis - basis @ X).mT

    def __str__(self) -> str:
        return "adjoint"

    def __repr__(self) -> str:
        return f"{self.group!r}.adjoint"


@dataclass(frozen=True, repr=False)
class Regular(Rep):
    """The left regular representation of a finite group: rho(g) e_h = e_gh, permutation matrices.

    The basis vector e_h belongs to the element h, in the order of ``group.elements``; a function on the group is
    f = sum_h f(h) e_h, and (rho(g) f)(h) = f(g^-1 h).
    """

    @property
    def _finite(self) -> FiniteGroup:
        return cast("FiniteGroup", self.group)

    @property
    def dim(self) -> int:
        """The order of the group."""
        return self._finite.order

    @property
    def orthogonal(self) -> bool:
        """True: permutations are."""
        return True

    def permutation(self, g: Tensor) -> Tensor:
        """Where each basis vector goes: ``(..., order)``, int64, the index of g h at the place of h."""
        return self._finite.multiplication_table.to(g.device)[self._finite.index(g)]

    def matrix(self, g: Tensor) -> Tensor:
        """The permutation matrices, ``(..., order, order)``.

        Raises:
            ValueError: If a matrix is not an element of the group.
        """
        return torch.nn.functional.one_hot(self.permutation(g), self.dim).mT.to(g.dtype).contiguous()

    def algebra(self, X: Tensor) -> Tensor:
        """Zeros ``(..., order, order)``."""
        self.group.check_shape(X)
        return X.new_zeros(*X.shape[:-2], self.dim, self.dim)

    def __str__(self) -> str:
        return "regular"

    def __repr__(self) -> str:
        return f"{self.group!r}.regular"
