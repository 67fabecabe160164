"""Equivalence of representations, and the change of basis that makes one orthogonal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup, Rep
from intertwine.reps.solve._constraints import solve_constraints


def equivalence(first: Rep, second: Rep) -> Tensor | None:
    """One A with second(g) = A^-1 first(g) A for every g, if there is one.

    Args:
        first: A representation.
        second: Another one of the same group.

    Returns:
        A ``(dim, dim)``, float64, orthogonal where both reps are; None where the reps are not equivalent.

    Raises:
        ValueError: If the groups differ.

    Example:
        >>> from intertwine.groups import SO3
        >>> G = SO3()
        >>> equivalence(G.vector.antisymmetric_power(2), G.vector).shape  # the cross product
        torch.Size([3, 3])
    """
    if first.group != second.group:
        raise ValueError(f"only reps of one group are compared, not of {first.group} and {second.group}")
    if first.dim != second.dim:
        return None
    if not first.dim:
        return torch.zeros(0, 0, dtype=torch.float64)
    maps = solve_constraints(second, first)
    # A generic map is invertible if any is; the weights are fixed, and no special ones.
    weights = (1 + torch.arange(len(maps), dtype=torch.float64).square()).cos()
    generic = torch.einsum("k,kij->ij", weights, maps)
    u, values, v = torch.linalg.svd(generic)
    if not len(maps) or float(values[-1]) < 1e-8 * float(values[0]):
        return None
    return u @ v if first.orthogonal and second.orthogonal else generic


def unitarize(rep: Rep) -> ChangedBasis:
    """A rep of a finite group in a basis in which it is orthogonal: A rho(g) A^-1 with A = mean(rho^T rho)^(1/2).

    Args:
        rep: A representation of a finite group.

    Returns:
        An orthogonal rep, whose ``change`` is A.

    Raises:
        ValueError: If the group is infinite.

    Example:
        >>> import torch
        >>> from intertwine.groups import MatrixGroup
        >>> oblique = MatrixGroup(torch.tensor([[[0.0, -1.0], [1.0, -1.0]]]))  # a third turn in a hexagonal lattice
        >>> oblique.vector.orthogonal, unitarize(oblique.vector).orthogonal
        (False, True)
    """
    group = rep.group
    if not isinstance(group, FiniteGroup):
        raise ValueError(
            f"{group} is infinite: its mean is not a finite sum; choose a basis in which rho is orthogonal"
        )
    matrices = rep.matrix(group.elements)
    metric = (matrices.mT @ matrices).mean(0)
    values, vectors = torch.linalg.eigh((metric + metric.T) / 2)
    root = vectors @ torch.diag(values.sqrt()) @ vectors.T
    return ChangedBasis(group, rep, tuple(tuple(row) for row in root.tolist()))


@dataclass(frozen=True, repr=False)
class ChangedBasis(Rep):
    """A rho(g) A^-1: a rep in another basis. Made by ``unitarize``.

    Args:
        group: The group.
        base: The rep rho.
        rows: A, row by row.
    """

    base: Rep
    rows: tuple[tuple[float, ...], ...]

    @property
    def dim(self) -> int:
        """The dimension of the base."""
        return self.base.dim

    @property
    def change(self) -> Tensor:
        """A, ``(dim, dim)``, float64."""
        return torch.tensor(self.rows, dtype=torch.float64)

    @property
    def orthogonal(self) -> bool:
        """Whether the generators are orthogonal, and their Lie algebra antisymmetric."""
        h, X = self.matrix(self.group.discrete_generators), self.algebra(self.group.lie_algebra)
        deviation = (h.mT @ h - torch.eye(self.dim, dtype=torch.float64)).abs().sum() + (X + X.mT).abs().sum()
        return self.group.compact and bool(deviation < 1e-9 * max(1, len(h) + len(X)) * self.dim)

    def matrix(self, g: Tensor) -> Tensor:
        """A rho(g) A^-1, ``(..., dim, dim)``."""
        return self._conjugate(self.base.matrix(g))

    def algebra(self, X: Tensor) -> Tensor:
        """A d rho(X) A^-1, ``(..., dim, dim)``."""
        return self._conjugate(self.base.algebra(X))

    def _conjugate(self, matrix: Tensor) -> Tensor:
        change = self.change
        inverse: Tensor = torch.linalg.inv(change)
        return change.to(matrix) @ matrix @ inverse.to(matrix)

    def character(self, g: Tensor) -> Tensor:
        """That of the base: ``(...)``."""
        return self.base.character(g)

    def __str__(self) -> str:
        return f"{self.base} in another basis"

    def __repr__(self) -> str:
        return f"ChangedBasis({self.group!r}, {self.base!r}, {self.rows!r})"
