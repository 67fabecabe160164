"""Direct and semidirect products of matrix groups."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.groups._finite import FiniteGroup, check_listable
from intertwine.groups._group import Group


def block_diagonal(a: Tensor, b: Tensor) -> Tensor:
    """The matrices ``(..., m + n, m + n)`` with blocks a ``(..., m, m)`` and b ``(..., n, n)``, broadcast."""
    m, n = a.shape[-1], b.shape[-1]
    batch = (a[..., 0, 0] + b[..., 0, 0]).shape
    top = torch.nn.functional.pad(a, (0, n)).expand(*batch, m, m + n)
    return torch.cat([top, torch.nn.functional.pad(b, (m, 0)).expand(*batch, n, m + n)], dim=-2)


@dataclass(frozen=True, repr=False)
class _Pair(Group):
    left: Group
    right: Group

    def _all_pairs(self) -> tuple[Tensor, Tensor]:
        """The factors of all elements, the right one running fastest."""
        check_listable(self.name, (self.left.order or 0) * (self.right.order or 0))
        a, b = self.left.elements, self.right.elements
        return a.repeat_interleave(len(b), 0), b.repeat(len(a), 1, 1)


@dataclass(frozen=True, repr=False)
class DirectProduct(_Pair):
    """G x H: pairs (g, h), as block-diagonal matrices; written ``G * H``.

    A product of finite groups is a finite group, whose elements are listed with h running fastest.

    Args:
        left: G.
        right: H.

    Example:
        >>> from intertwine.groups import SO3, Cyclic, Symmetric
        >>> (SO3() * Symmetric(4)).name
        'SO(3) x S_4'
        >>> (Cyclic(2) * Cyclic(3)).order
        6
    """

    def __new__(cls, left: Group | None = None, right: Group | None = None) -> DirectProduct:
        """A finite group where both factors are."""
        if cls is DirectProduct and isinstance(left, FiniteGroup) and isinstance(right, FiniteGroup):
            return super().__new__(FiniteDirectProduct)
        return super().__new__(cls)

    @property
    def name(self) -> str:
        """G x H."""
        return f"{self.left.name} x {self.right.name}"

    @property
    def dimension(self) -> int:
        """The sum of the sizes."""
        return self.left.dimension + self.right.dimension

    @property
    def orthogonal(self) -> bool:
        """Whether both are."""
        return self.left.orthogonal and self.right.orthogonal

    @property
    def compact(self) -> bool:
        """Whether both are."""
        return self.left.compact and self.right.compact

    @property
    def lie_algebra(self) -> Tensor:
        """That of G, then that of H."""
        X, Y = self.left.lie_algebra, self.right.lie_algebra
        no_left, no_right = torch.zeros_like(self.left.identity), torch.zeros_like(self.right.identity)
        return torch.cat([block_diagonal(X, no_right), block_diagonal(no_left, Y)])

    @property
    def discrete_generators(self) -> Tensor:
        """Those of G, then those of H."""
        return self._generators()

    def _generators(self) -> Tensor:
        g, h = self.left.discrete_generators, self.right.discrete_generators
        return torch.cat([block_diagonal(g, self.right.identity), block_diagonal(self.left.identity, h)])

    def element(self, g: Tensor, h: Tensor) -> Tensor:
        """The pairs (g, h), ``(..., m + n, m + n)``."""
        return block_diagonal(g, h)

    def factors(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The members g and h of each pair."""
        self.check_shape(g)
        m = self.left.dimension
        return g[..., :m, :m], g[..., m:, m:]

    def inverse(self, g: Tensor) -> Tensor:
        """(g^-1, h^-1)."""
        a, b = self.factors(g)
        return block_diagonal(self.left.inverse(a), self.right.inverse(b))

    def _log(self, g: Tensor) -> Tensor:
        a, b = self.factors(g)
        return block_diagonal(self.left.log(a), self.right.log(b))

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        a = self.left.sample(count, generator=generator)
        return block_diagonal(a, self.right.sample(count, generator=generator))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix is block-diagonal with blocks in G and in H: ``(...)``, bool."""
        a, b = self.factors(g)
        is_block_diagonal = ((g - block_diagonal(a, b)).abs() <= tolerance).flatten(-2).all(-1)
        return is_block_diagonal & self.left.contains(a, tolerance) & self.right.contains(b, tolerance)

    def describe(self, g: Tensor) -> str:
        """One element in words: (g, h)."""
        a, b = self.factors(g)
        return f"({self.left.describe(a)}, {self.right.describe(b)})"

    def __repr__(self) -> str:
        return f"DirectProduct({self.left!r}, {self.right!r})"


@dataclass(frozen=True, repr=False)
class FiniteDirectProduct(FiniteGroup, DirectProduct):
    """G x H of finite groups; see ``DirectProduct``."""

    @property
    def order(self) -> int:
        """|G| |H|."""
        assert isinstance(self.left, FiniteGroup), "both factors are finite"
        assert isinstance(self.right, FiniteGroup), "both factors are finite"
        return self.left.order * self.right.order

    @property
    def discrete_generators(self) -> Tensor:
        """Those of G, then those of H."""
        return self._generators()

    def _list_elements(self) -> Tensor:
        return block_diagonal(*self._all_pairs())

    def describe(self, g: Tensor) -> str:
        """One element in words: (g, h)."""
        return DirectProduct.describe(self, g)


def direct_product(left: Group, right: Group) -> DirectProduct:
    """The direct product G x H, a finite group where both factors are."""
    return DirectProduct(left, right)


@dataclass(frozen=True, repr=False)
class SemidirectProduct(_Pair):
    """N x| H: pairs (n, h) with (n, h)(m, k) = (n h m h^-1, h k), where H normalizes N inside GL(d).

    The matrices are diag(n h, h), twice the size. A product of finite groups is a finite group, listed with h running
    fastest. For N the translations, ``AffineGroup`` has the smaller matrices.

    Args:
        left: The normal subgroup N.
        right: The group H that acts on it by conjugation; matrices of the same size.

    Raises:
        ValueError: If the sizes differ, or H does not normalize N.

    Example:
        >>> from intertwine.groups import Cyclic, MatrixGroup
        >>> flip = MatrixGroup([[[1, 0], [0, -1]]])
        >>> SemidirectProduct(Cyclic(5), flip).order
        10
    """

    def __new__(cls, left: Group | None = None, right: Group | None = None) -> SemidirectProduct:
        """A finite group where both factors are."""
        if cls is SemidirectProduct and isinstance(left, FiniteGroup) and isinstance(right, FiniteGroup):
            return super().__new__(FiniteSemidirectProduct)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if self.left.dimension != self.right.dimension:
            raise ValueError(
                f"the acting group conjugates the normal one, so both have matrices of one size; {self.left} has"
                f" {self.left.dimension}, {self.right} has {self.right.dimension}"
            )
        probe = torch.Generator().manual_seed(0)
        n = torch.cat([self.left.discrete_generators, self.left.sample(4, generator=probe)])
        h = torch.cat([self.right.discrete_generators, self.right.sample(4, generator=probe)])[:, None]
        if not bool(self.left.contains(h @ n @ self.right.inverse(h)).all()):
            raise ValueError(f"{self.right} does not normalize {self.left}: h n h^-1 leaves it")

    @property
    def name(self) -> str:
        """N x| H."""
        return f"{self.left.name} x| {self.right.name}"

    @property
    def dimension(self) -> int:
        """Twice the size of the matrices of N and H."""
        return 2 * self.left.dimension

    @property
    def orthogonal(self) -> bool:
        """Whether both are."""
        return self.left.orthogonal and self.right.orthogonal

    @property
    def compact(self) -> bool:
        """Whether both are."""
        return self.left.compact and self.right.compact

    @property
    def lie_algebra(self) -> Tensor:
        """That of N, diag(X, 0), then that of H, diag(Y, Y)."""
        X, Y = self.left.lie_algebra, self.right.lie_algebra
        return torch.cat([block_diagonal(X, torch.zeros_like(self.left.identity)), block_diagonal(Y, Y)])

    @property
    def discrete_generators(self) -> Tensor:
        """Those of N, then those of H."""
        return self._generators()

    def _generators(self) -> Tensor:
        n, h = self.left.discrete_generators, self.right.discrete_generators
        return torch.cat([self.element(n, self.right.identity), self.element(self.left.identity, h)])

    def element(self, n: Tensor, h: Tensor) -> Tensor:
        """The pairs (n, h), ``(..., 2 d, 2 d)``."""
        return block_diagonal(n @ h, h)

    def factors(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The members n and h of each pair."""
        self.check_shape(g)
        d = self.left.dimension
        h = g[..., d:, d:]
        return g[..., :d, :d] @ self.right.inverse(h), h

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        n = self.left.sample(count, generator=generator)
        return self.element(n, self.right.sample(count, generator=generator))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix is diag(n h, h): ``(...)``, bool."""
        n, h = self.factors(g)
        is_block_diagonal = ((g - self.element(n, h)).abs() <= tolerance).flatten(-2).all(-1)
        return is_block_diagonal & self.left.contains(n, tolerance) & self.right.contains(h, tolerance)

    def describe(self, g: Tensor) -> str:
        """One element in words: (n, h)."""
        n, h = self.factors(g)
        return f"({self.left.describe(n)}, {self.right.describe(h)})"

    def __repr__(self) -> str:
        return f"SemidirectProduct({self.left!r}, {self.right!r})"


@dataclass(frozen=True, repr=False)
class FiniteSemidirectProduct(FiniteGroup, SemidirectProduct):
    """N x| H of finite groups; see ``SemidirectProduct``."""

    @property
    def discrete_generators(self) -> Tensor:
        """Those of N, then those of H."""
        return self._generators()

    def _list_elements(self) -> Tensor:
        return self.element(*self._all_pairs())

    def describe(self, g: Tensor) -> str:
        """One element in words: (n, h)."""
        return SemidirectProduct.describe(self, g)
