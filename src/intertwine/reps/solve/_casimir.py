"""Casimir operator of a representation; its eigenspaces are invariant, and inequivalent to each other.

    C = sum_i d rho(X_i) d rho(X^i),      X^i the basis of the Lie algebra that is dual in the product Tr X Y

That product is invariant, so C commutes with the group. It is not degenerate where the group is closed under
transposition, as groups of orthogonal matrices and the Lorentz group are; C is then symmetric if d rho(X^T) =
d rho(X)^T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.groups import Group, Rep

APART = 1e-6
"""The least relative distance of distinct eigenvalues."""


def casimir(rep: Rep) -> Tensor:
    """The Casimir operator for a group closed under transposition, ``(dim, dim)``, float64; zero for discrete."""
    basis = rep.group.lie_algebra
    if not len(basis):
        return torch.zeros(rep.dim, rep.dim, dtype=torch.float64)
    flat, transposed = basis.flatten(1), basis.mT.flatten(1)
    dual = torch.linalg.solve(flat @ transposed.T, flat).reshape(basis.shape)
    found: Tensor = torch.einsum("kij,kjl->il", rep.algebra(basis), rep.algebra(dual))
    return (found + found.T) / 2


def eigenspaces(symmetric: Tensor) -> Iterator[tuple[float, Tensor]]:
    """The eigenvalues of a symmetric matrix, each once and ascending, with orthonormal bases ``(n, multiplicity)``."""
    if not len(symmetric):
        return
    values, vectors = torch.linalg.eigh(symmetric)
    scale = max(float(values.abs().max()), 1.0)
    cuts = ((values[1:] - values[:-1]) > APART * scale).nonzero().flatten() + 1
    for group, space in zip(torch.tensor_split(values, cuts), torch.tensor_split(vectors, cuts, dim=1), strict=True):
        yield float(group.mean()), space


def is_semisimple(group: Group) -> bool:
    """Whether the Killing form Tr ad(X) ad(Y) of the Lie algebra is not degenerate (Cartan's criterion)."""
    basis = group.lie_algebra
    if not len(basis):
        return False
    brackets = basis[:, None] @ basis - basis @ basis[:, None]
    adjoint = group.coordinates(brackets)
    values = torch.linalg.eigvalsh(torch.einsum("aij,bji->ab", adjoint, adjoint)).abs()
    return float(values.min()) > 1e-8 * float(values.max())


def is_self_adjoint(rep: Rep, tolerance: float = 1e-9) -> bool:
    """Whether the group is closed under transposition, and rho(g^T) = rho(g)^T: by its generators.

    Then the orthogonal complement of an invariant subspace is invariant, and rep is a sum of irreps by an orthogonal
    change of basis.
    """
    group = rep.group
    algebra, discrete = group.lie_algebra, group.discrete_generators
    try:
        inside = bool(group.contains(discrete.mT).all())
    except ValueError:  # whether the transposes are elements is not known
        return False
    closed = float((group.hat(group.coordinates(algebra.mT)) - algebra.mT).abs().sum()) <= tolerance
    if not closed or not inside:
        return False
    pairs = ((rep.algebra(algebra.mT), rep.algebra(algebra).mT), (rep.matrix(discrete.mT), rep.matrix(discrete).mT))
    return all(float((a - b).abs().sum()) <= tolerance * (1 + float(b.abs().sum())) for a, b in pairs)


@dataclass(frozen=True, repr=False, eq=False)
class Subspace(Rep):
    """A rep restricted to an invariant subspace: B^T rho(g) B. Compared by identity, not by value."""

    base: Rep
    isometry: Tensor

    @property
    def dim(self) -> int:
        """The dimension of the subspace."""
        return self.isometry.shape[1]

    @property
    def orthogonal(self) -> bool:
        """Whether the base is."""
        return self.base.orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        """B^T rho(g) B, ``(..., dim, dim)``."""
        basis = self.isometry.to(g)
        return basis.T @ self.base.matrix(g) @ basis

    def algebra(self, X: Tensor) -> Tensor:
        """B^T d rho(X) B, ``(..., dim, dim)``."""
        basis = self.isometry.to(X)
        return basis.T @ self.base.algebra(X) @ basis

    def __str__(self) -> str:
        return f"subspace of {self.base}"

    def __repr__(self) -> str:
        return f"Subspace({self.base!r}, dim={self.dim})"
