"""Affine groups as homogeneous matrices [[h, a], [0, 1]]: translations, SE(n), E(n), R^n x| H.

The product is (a, h)(b, k) = (a + h b, h k). None is compact: translations are drawn from the normal distribution of
deviation one, the linear part from its own group.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine.groups._group import Group
from intertwine.groups._orthogonal import O2, O3, SO2, SO3


def homogeneous(linear: Tensor, translation: Tensor) -> Tensor:
    """The matrices ``(..., n + 1, n + 1)`` of x -> h x + a, for h ``(..., n, n)`` and a ``(..., n)``."""
    top = torch.cat([linear, translation.unsqueeze(-1)], dim=-1)
    bottom = torch.zeros_like(top[..., :1, :])
    bottom[..., -1] = 1
    return torch.cat([top, bottom], dim=-2)


def _infinitesimal_translations(n: int) -> Tensor:
    check_entries(n * (n + 1) ** 2, f"the generators of T({n})")
    basis = torch.zeros(n, n + 1, n + 1, dtype=torch.float64)
    basis[:, :n, n] = torch.eye(n, dtype=torch.float64)
    return basis


@dataclass(frozen=True, repr=False)
class Translations(Group):
    """The translations of R^n, as homogeneous (n + 1) x (n + 1) matrices.

    Args:
        n: The dimension of the space.

    Example:
        >>> Translations(3).name
        'T(3)'
    """

    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1:
            raise ValueError(f"Translations(n) takes a whole number n >= 1, got {self.n!r}")
        check_entries((self.n + 1) ** 2, f"the matrices of {self.name}")

    @property
    def name(self) -> str:
        """T(n)."""
        return f"T({self.n})"

    @property
    def dimension(self) -> int:
        """The size n + 1 of the homogeneous matrices."""
        return self.n + 1

    @property
    def lie_algebra(self) -> Tensor:
        """Along each axis, ``(n, n + 1, n + 1)``."""
        return _infinitesimal_translations(self.n)

    def element(self, translation: Tensor) -> Tensor:
        """The translations ``(..., n + 1, n + 1)`` by vectors ``(..., n)``."""
        one = torch.eye(self.n, dtype=translation.dtype, device=translation.device)
        return homogeneous(one.expand(*translation.shape[:-1], self.n, self.n), translation)

    def inverse(self, g: Tensor) -> Tensor:
        """Back by the same vectors: ``(..., n + 1, n + 1)``."""
        return self.element(-g[..., :-1, -1])

    def _log(self, g: Tensor) -> Tensor:
        return g - self.identity.to(g)

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        return self.element(torch.randn(count, self.n, generator=generator, dtype=torch.float64))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n + 1, n + 1)`` is the identity but for its last column: ``(...)``, bool."""
        self.check_shape(g)
        return ((g - self.element(g[..., :-1, -1])).abs() <= tolerance).flatten(-2).all(-1)

    def describe(self, g: Tensor) -> str:
        """One element in words."""
        self.check_shape(g)
        return _translation_words(g) or "identity"

    def __repr__(self) -> str:
        return f"Translations({self.n})"


@dataclass(frozen=True, repr=False)
class AffineGroup(Group):
    """R^n x| H: a group of linear maps together with all translations, x -> h x + a.

    Args:
        linear: The group H of n x n matrices.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> AffineGroup(Octahedral()).name
        'R^3 x| O'
    """

    linear: Group

    @property
    def name(self) -> str:
        """R^n x| H."""
        return f"R^{self.linear.dimension} x| {self.linear.name}"

    @property
    def dimension(self) -> int:
        """The size n + 1 of the homogeneous matrices."""
        return self.linear.dimension + 1

    @property
    def lie_algebra(self) -> Tensor:
        """Translations along each axis, then the Lie algebra of H."""
        linear = torch.nn.functional.pad(self.linear.lie_algebra, (0, 1, 0, 1))
        return torch.cat([_infinitesimal_translations(self.linear.dimension), linear])

    @property
    def discrete_generators(self) -> Tensor:
        """Those of H."""
        discrete = self.linear.discrete_generators
        return homogeneous(discrete, torch.zeros_like(discrete[..., 0]))

    def element(self, linear: Tensor, translation: Tensor) -> Tensor:
        """The motions x -> h x + a, ``(..., n + 1, n + 1)``, of h ``(..., n, n)`` and a ``(..., n)``."""
        return homogeneous(linear, translation)

    def linear_part(self, g: Tensor) -> Tensor:
        """The linear map h of x -> h x + a, ``(..., n, n)``."""
        self.check_shape(g)
        return g[..., :-1, :-1]

    def translation_part(self, g: Tensor) -> Tensor:
        """The vector a of x -> h x + a, ``(..., n)``."""
        self.check_shape(g)
        return g[..., :-1, -1]

    def apply(self, g: Tensor, points: Tensor) -> Tensor:
        """Move points ``(..., n)``: h x + a."""
        return (self.linear_part(g) @ points.unsqueeze(-1)).squeeze(-1) + self.translation_part(g)

    def inverse(self, g: Tensor) -> Tensor:
        """(h^-1, -h^-1 a): ``(..., n + 1, n + 1)``."""
        back = self.linear.inverse(self.linear_part(g))
        return homogeneous(back, -(back @ self.translation_part(g).unsqueeze(-1)).squeeze(-1))

    def _log(self, g: Tensor) -> Tensor:
        """(phi(X)^-1 a, X) with X = log h and phi(X) = 1 + X / 2! + X^2 / 3! + ..., read off a larger exponential."""
        X = self.linear.log(self.linear_part(g))
        n = self.linear.dimension
        one = torch.eye(n, dtype=g.dtype, device=g.device).expand_as(X)
        twice = torch.cat([torch.cat([X, one], -1), torch.zeros_like(torch.cat([X, one], -1))], -2)
        phi = torch.linalg.matrix_exp(twice)[..., :n, n:]
        shift = torch.linalg.solve(phi, self.translation_part(g).unsqueeze(-1))
        return torch.nn.functional.pad(torch.cat([X, shift], -1), (0, 0, 0, 1))

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        linear = self.linear.sample(count, generator=generator)
        return homogeneous(linear, torch.randn(count, self.dimension - 1, generator=generator, dtype=torch.float64))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether the linear part lies in H and the last row is 0 .. 0 1: ``(...)``, bool."""
        self.check_shape(g)
        last = (g[..., -1, :] - self.identity[-1].to(g)).abs().amax(-1) <= tolerance
        return last & self.linear.contains(g[..., :-1, :-1], tolerance)

    def describe(self, g: Tensor) -> str:
        """One element in words: the linear part, then the translation."""
        words = [self.linear.describe(self.linear_part(g)), _translation_words(g)]
        return ", ".join(word for word in words if word and word != "identity") or "identity"

    def __repr__(self) -> str:
        return f"AffineGroup({self.linear!r})"


class _Euclidean(AffineGroup):
    """A motion group with a name of its own."""

    @property
    def name(self) -> str:
        """SE(n) or E(n)."""
        return f"{type(self).__name__[:-1]}({self.linear.dimension})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@dataclass(frozen=True, repr=False, init=False)
class SE2(_Euclidean):
    """SE(2): rotations and translations of the plane, 3 x 3 homogeneous matrices."""

    def __init__(self) -> None:
        super().__init__(SO2())


@dataclass(frozen=True, repr=False, init=False)
class E2(_Euclidean):
    """E(2): rotations, reflections and translations of the plane, 3 x 3 homogeneous matrices."""

    def __init__(self) -> None:
        super().__init__(O2())


@dataclass(frozen=True, repr=False, init=False)
class SE3(_Euclidean):
    """SE(3): rigid motions of space, 4 x 4 homogeneous matrices.

    Example:
        >>> G = SE3()
        >>> g = G.sample()
        >>> bool(torch.allclose(G.exp(G.log(g)), g, atol=1e-12))
        True
    """

    def __init__(self) -> None:
        super().__init__(SO3())


@dataclass(frozen=True, repr=False, init=False)
class E3(_Euclidean):
    """E(3): rotations, reflections and translations of space, 4 x 4 homogeneous matrices."""

    def __init__(self) -> None:
        super().__init__(O3())


def _translation_words(g: Tensor) -> str:
    vector = g[..., :-1, -1].detach().tolist()
    return "" if not any(vector) else f"translation ({', '.join(f'{x:.2f}' for x in vector)})"
