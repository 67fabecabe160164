"""Pullback of a representation along a homomorphism, rho(f(h))."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from torch import Tensor

from intertwine.groups import Homomorphism, Inclusion, Rep
from intertwine.reps._composite import DirectSum, TensorProduct


@dataclass(frozen=True, repr=False)
class Pullback(Rep):
    """rho(f(h)) for a homomorphism f, or a path of them, the last one applied first. Made by ``restrict``."""

    base: Rep
    path: tuple[Homomorphism, ...]

    @property
    def dim(self) -> int:
        """The dimension of the base."""
        return self.base.dim

    @property
    def orthogonal(self) -> bool:
        """Whether the base is, or the group makes it so."""
        return self.base.orthogonal

    def matrix(self, g: Tensor) -> Tensor:
        """rho(f(g)), ``(..., dim, dim)``."""
        self.group.check_shape(g)
        return self.base.matrix(reduce(lambda h, f: f(h), reversed(self.path), g))

    def algebra(self, X: Tensor) -> Tensor:
        """The derivative d rho(df(X)), ``(..., dim, dim)``."""
        self.group.check_shape(X)
        return self.base.algebra(reduce(lambda Y, f: f.derivative(Y), reversed(self.path), X))

    def character(self, g: Tensor) -> Tensor:
        """The character of the base at f(g): ``(...)``."""
        self.group.check_shape(g)
        return self.base.character(reduce(lambda h, f: f(h), reversed(self.path), g))

    def __str__(self) -> str:
        return f"({self.base})|{self.group}"

    def __repr__(self) -> str:
        shown = f"({self.base!r})" if isinstance(self.base, DirectSum | TensorProduct) else repr(self.base)
        steps = (f.source if isinstance(f, Inclusion) else f for f in self.path)
        return shown + "".join(f".restrict({step!r})" for step in steps)
