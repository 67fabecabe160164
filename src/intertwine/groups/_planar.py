"""Finite groups of the plane: the cyclic groups C_n and the dihedral groups D_n."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.groups._finite import FiniteGroup
from intertwine.groups._words import planar_words


@dataclass(frozen=True, repr=False)
class _PlanarFiniteGroup(FiniteGroup):
    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1:
            raise ValueError(f"{type(self).__name__}(n) takes a whole number n >= 1, got {self.n!r}")

    @property
    def dimension(self) -> int:
        """2: the group moves the plane."""
        return 2

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    def describe(self, g: Tensor) -> str:
        """One element ``(2, 2)`` in words: angle or mirror line."""
        self.index(g)
        return planar_words(g)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n})"


@dataclass(frozen=True, repr=False)
class Cyclic(_PlanarFiniteGroup):
    """C_n: rotations of the plane by multiples of 360 / n degrees, in this order.

    Args:
        n: The order, at least 1.

    Example:
        >>> Cyclic(4).elements[1].tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """

    @property
    def name(self) -> str:
        """C_n."""
        return f"C_{self.n}"

    @property
    def discrete_generators(self) -> Tensor:
        """The rotation by 360 / n degrees."""
        return _rotations(self.n)[1 % self.n].unsqueeze(0)

    def _list_elements(self) -> Tensor:
        return _rotations(self.n)


@dataclass(frozen=True, repr=False)
class Dihedral(_PlanarFiniteGroup):
    """D_n: the 2 n symmetries of the regular n-gon in the plane; rotations r^k first, then the reflections r^k s.

    The generating reflection s is y -> -y.

    Args:
        n: The number of rotations, at least 1.

    Example:
        >>> Dihedral(4).order
        8
    """

    @property
    def name(self) -> str:
        """D_n."""
        return f"D_{self.n}"

    @property
    def discrete_generators(self) -> Tensor:
        """The rotation by 360 / n degrees and the reflection y -> -y."""
        return self._list_elements()[[1 % self.n, self.n]]

    def _list_elements(self) -> Tensor:
        rotations = _rotations(self.n)
        return torch.cat([rotations, rotations @ torch.diag(torch.tensor([1, -1], dtype=torch.float64))])


def _cosine(k: int, n: int) -> float:
    """cos(2 pi k / n), exact at multiples of a quarter turn."""
    if 4 * k % n == 0:
        return (1.0, 0.0, -1.0, 0.0)[4 * k // n % 4]
    return math.cos(2 * math.pi * (k % n) / n)


def _sine(k: int, n: int) -> float:
    """sin(2 pi k / n), exact at multiples of a quarter turn."""
    if 4 * k % n == 0:
        return (0.0, 1.0, 0.0, -1.0)[4 * k // n % 4]
    return math.sin(2 * math.pi * (k % n) / n)


def _rotations(n: int) -> Tensor:
    rows = [[[_cosine(k, n), -_sine(k, n)], [_sine(k, n), _cosine(k, n)]] for k in range(n)]
    return torch.tensor(rows, dtype=torch.float64)
