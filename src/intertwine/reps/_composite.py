"""Direct sums, tensor products and duals of representations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine.groups import Group, Irrep, Rep

MOST_TERMS = 1_000_000
"""The most terms of a direct sum of which neighbors differ."""


def _check_group(group: Group, rep: Rep) -> None:
    if rep.group != group:
        raise ValueError(f"reps of different groups do not combine: {group} and {rep.group}; restrict one first")


def direct_sum(group: Group, terms: Iterable[tuple[int, Rep]]) -> Rep:
    """The direct sum of terms ``(copies, rep)``, blocks in the order given, copies outermost.

    Nested sums are flattened, empty terms dropped, equal neighbors merged; one copy of one rep is that rep itself.

    Args:
        group: The group of all terms; needed when there are none.
        terms: Pairs of the number of copies and a rep.

    Raises:
        ValueError: If a number of copies is negative or a rep belongs to another group.

    Example:
        >>> from intertwine.groups import O3
        >>> G = O3()
        >>> str(direct_sum(G, [(8, G.trivial), (4, G.vector)]))
        '8x0e + 4x1o'
    """
    flat: list[tuple[int, Rep]] = []
    for copies, rep in terms:
        _check_group(group, rep)
        if copies < 0:
            raise ValueError(f"the number of copies is at least 0, got {copies} of {rep}")
        inner = rep.terms
        if len(inner) > 1 and copies * len(inner) > MOST_TERMS:
            raise UsageError(f"a direct sum has at most {MOST_TERMS:,} terms, got {show_count(copies)} copies of {rep}")
        expanded = ((copies * inner[0][0], inner[0][1]),) if len(inner) == 1 else inner * copies
        for count, term in expanded:
            if flat and flat[-1][1] == term:
                flat[-1] = (flat[-1][0] + count, term)
            elif count:
                flat.append((count, term))
    if len(flat) == 1 and flat[0][0] == 1:
        return flat[0][1]
    return DirectSum(group, tuple(flat))


def tensor_product(group: Group, factors: Iterable[Rep]) -> Rep:
    """The tensor product, (rho (x) sigma)(g) = kron(rho(g), sigma(g)): row-major, the last factor runs fastest.

    Products are associative, hence kept flat, and the trivial rep is their unit.

    Raises:
        ValueError: If a factor belongs to another group.
    """
    flat: list[Rep] = []
    for factor in factors:
        _check_group(group, factor)
        flat += factor.factors if isinstance(factor, TensorProduct) else [factor]
    flat = [factor for factor in flat if factor != group.trivial]
    if len(flat) < 2:
        return flat[0] if flat else group.trivial
    return TensorProduct(group, tuple(flat))


@dataclass(frozen=True, repr=False)
class DirectSum(Rep):
    """rho_1 + rho_2 + ...: block diagonal. Made by ``+``, ``n *``, ``group.rep`` or ``direct_sum``."""

    summands: tuple[tuple[int, Rep], ...]

    @property
    def terms(self) -> tuple[tuple[int, Rep], ...]:
        """The summands with the number of their copies."""
        return self.summands

    @property
    def dim(self) -> int:
        """The sum of the dimensions."""
        return sum(copies * rep.dim for copies, rep in self.terms)

    @property
    def orthogonal(self) -> bool:
        """Whether all terms are."""
        return all(rep.orthogonal for _, rep in self.terms)

    @property
    def irreps(self) -> tuple[tuple[int, Irrep], ...] | None:
        """The terms when all are irreps; else None."""
        if all(isinstance(rep, Irrep) for _, rep in self.terms):
            return cast("tuple[tuple[int, Irrep], ...]", self.terms)
        return None

    @property
    def dual(self) -> Rep:
        """The sum of the duals."""
        return direct_sum(self.group, ((copies, rep.dual) for copies, rep in self.terms))

    def matrix(self, g: Tensor) -> Tensor:
        """The block-diagonal matrices, ``(..., dim, dim)``."""
        self.group.check_shape(g)
        return self._blocks(g, {rep: rep.matrix(g) for _, rep in self.terms})

    def algebra(self, X: Tensor) -> Tensor:
        """The block-diagonal derivative, ``(..., dim, dim)``."""
        self.group.check_shape(X)
        return self._blocks(X, {rep: rep.algebra(X) for _, rep in self.terms})

    def character(self, g: Tensor) -> Tensor:
        """The sum of the characters, ``(...)``."""
        self.group.check_shape(g)
        return sum((copies * rep.character(g) for copies, rep in self.terms), g.new_zeros(g.shape[:-2]))

    def _blocks(self, g: Tensor, blocks: dict[Rep, Tensor]) -> Tensor:
        rows, start, dim = [], 0, self.dim
        for copies, rep in self.terms:
            width = copies * rep.dim
            copied = g.new_ones(copies).diag()[:, None, :, None] * blocks[rep][..., None, :, None, :]
            rows.append(pad(copied.reshape(*g.shape[:-2], width, width), (start, dim - start - width)))
            start += width
        return torch.cat(rows, dim=-2) if rows else g.new_zeros(*g.shape[:-2], 0, 0)

    def __str__(self) -> str:
        pieces = []
        for copies, rep in self.terms:
            name = f"({rep})" if isinstance(rep, TensorProduct) else str(rep)
            pieces.append(str(rep) if copies == 1 and isinstance(rep, TensorProduct) else f"{copies}x{name}")
        return " + ".join(pieces)

    def __repr__(self) -> str:
        if self.irreps is not None:
            return f'{self.group!r}.rep("{self}")'
        pieces = []
        for copies, rep in self.terms:
            piece = f"({rep!r})" if isinstance(rep, TensorProduct) else repr(rep)
            pieces.append(repr(rep) if copies == 1 else f"{copies} * {piece}")
        return " + ".join(pieces)


@dataclass(frozen=True, repr=False)
class TensorProduct(Rep):
    """rho_1 (x) rho_2 (x) ...: Kronecker products. Made by ``*``, ``**`` or ``tensor_product``."""

    factors: tuple[Rep, ...]

    @property
    def dim(self) -> int:
        """The product of the dimensions."""
        return prod(factor.dim for factor in self.factors)

    @property
    def orthogonal(self) -> bool:
        """Whether all factors are."""
        return all(factor.orthogonal for factor in self.factors)

    @property
    def dual(self) -> Rep:
        """The product of the duals."""
        return tensor_product(self.group, (factor.dual for factor in self.factors))

    def matrix(self, g: Tensor) -> Tensor:
        """The Kronecker products, ``(..., dim, dim)``."""
        return reduce(batched_kron, (factor.matrix(g) for factor in self.factors))

    def algebra(self, X: Tensor) -> Tensor:
        """The Leibniz rule: d rho (x) 1 + 1 (x) d sigma, ``(..., dim, dim)``."""
        total = self.factors[0].algebra(X)
        for factor in self.factors[1:]:
            one = torch.eye(factor.dim, dtype=X.dtype, device=X.device)
            before = torch.eye(total.shape[-1], dtype=X.dtype, device=X.device)
            total = batched_kron(total, one) + batched_kron(before, factor.algebra(X))
        return total

    def character(self, g: Tensor) -> Tensor:
        """The product of the characters, ``(...)``."""
        return reduce(torch.mul, (factor.character(g) for factor in self.factors))

    def __str__(self) -> str:
        return " * ".join(f"({factor})" if isinstance(factor, DirectSum) else str(factor) for factor in self.factors)

    def __repr__(self) -> str:
        return " * ".join(f"({factor!r})" if isinstance(factor, DirectSum) else repr(factor) for factor in self.factors)


@dataclass(frozen=True, repr=False)
class Dual(Rep):
    """rho*(g) = rho(g^-1)^T, for reps that are not orthogonal. Made by ``.dual``."""

    base: Rep

    @property
    def dim(self) -> int:
        """The dimension of the base."""
        return self.base.dim

    @property
    def orthogonal(self) -> bool:
        """Whether the base is."""
        return self.base.orthogonal

    @property
    def dual(self) -> Rep:
        """The base."""
        return self.base

    def matrix(self, g: Tensor) -> Tensor:
        """The inverse transposes, ``(..., dim, dim)``."""
        return self.base.matrix(self.group.inverse(g)).mT

    def algebra(self, X: Tensor) -> Tensor:
        """-d rho(X)^T, ``(..., dim, dim)``."""
        return -self.base.algebra(X).mT

    def __str__(self) -> str:
        return f"({self.base})*"

    def __repr__(self) -> str:
        return f"({self.base!r}).dual" if isinstance(self.base, DirectSum | TensorProduct) else f"{self.base!r}.dual"


def dual(rep: Rep) -> Rep:
    """See ``Rep.dual``."""
    return rep if rep.orthogonal else Dual(rep.group, rep)


def batched_kron(a: Tensor, b: Tensor) -> Tensor:
    """Kronecker product of the last two axes, the others broadcast."""
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    return product.flatten(-4, -3).flatten(-2, -1)
