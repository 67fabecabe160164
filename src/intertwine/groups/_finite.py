"""Groups that can be listed: cyclic and dihedral groups, and what all finite groups share."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.groups._constant import constant
from intertwine.groups._group import Group
from intertwine.groups._words import planar_words


@dataclass(frozen=True, repr=False)
class FiniteGroup(Group):
    """A group given by its elements. A subclass lists them once, in ``_list_elements``, the identity first."""

    @abstractmethod
    def _list_elements(self) -> Tensor:
        """All elements ``(order, n, n)``, float64, the identity first."""

    @property
    def order(self) -> int:
        """How many elements there are."""
        return len(_elements(self))

    @property
    def elements(self) -> Tensor:
        """All elements ``(order, n, n)``, float64, the identity first."""
        return _elements(self)

    @property
    def multiplication_table(self) -> Tensor:
        """The Cayley table ``(order, order)``, int64: element i times element j is element ``table[i, j]``."""
        return _table(self)

    def index(self, g: Tensor, tolerance: float = 1e-3) -> Tensor:
        """The position of each element in ``elements``.

        Args:
            g: ``(..., n, n)`` elements.
            tolerance: The largest distance of an entry that is still rounding.

        Returns:
            ``(...)``, int64.

        Raises:
            ValueError: If a matrix is not an element.
        """
        distance, position = self._nearest(g)
        if not bool((distance <= tolerance).all()):
            strangers = int((~(distance <= tolerance)).sum())
            raise ValueError(f"{strangers} of {distance.numel()} matrices are not elements of {self.name}")
        return position

    def _nearest(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Position of the nearest element and the largest deviation of an entry from it."""
        self.check_shape(g)
        elements = _elements(self).to(g.device)
        g = g.detach().to(torch.float64)
        # ||g - e||^2 = ||g||^2 + ||e||^2 - 2 <g, e>, whose first term does not choose.
        flat = elements.flatten(1)
        position = (flat.square().sum(-1) - 2 * g.flatten(-2) @ flat.T).argmin(-1)
        distance = (g - elements[position]).flatten(-2).abs().amax(-1)
        return distance, position

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        return _elements(self)[torch.randint(self.order, (count,), generator=generator)]

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on its entries: ``(...)``, bool."""
        return self._nearest(g)[0] <= tolerance

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in words."""
        return f"element {int(self.index(g))} of {self.order}"


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


@constant
def _elements(group: FiniteGroup) -> Tensor:
    return group._list_elements()


@constant
def _table(group: FiniteGroup) -> Tensor:
    elements = group.elements
    return torch.stack([group.index(g @ elements) for g in elements])
