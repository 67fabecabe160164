"""Point groups: the cyclic and dihedral groups of the plane, and the symmetries of the regular solids in space.

C_n and D_n act on the plane; T, T_d, T_h, O, O_h, I and I_h on space, with their two-fold axes along x, y and z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from intertwine.groups._describe import describe_orthogonal_2d, describe_orthogonal_3d
from intertwine.groups._finite import FiniteGroup, check_listable
from intertwine.groups._matrix import FiniteMatrixGroup

_PHI = (1 + 5**0.5) / 2

_HALF_TURN = ((-1, 0, 0), (0, -1, 0), (0, 0, 1))
_THIRD_TURN = ((0, 0, 1), (1, 0, 0), (0, 1, 0))
_QUARTER_TURN = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
_FIFTH_TURN = (
    ((_PHI - 1) / 2, -_PHI / 2, 0.5),
    (_PHI / 2, 0.5, (_PHI - 1) / 2),
    (-0.5, (_PHI - 1) / 2, _PHI / 2),
)
"""By 72 degrees about (0, 1, phi), a vertex of the icosahedron."""
_MIRROR = ((0, 1, 0), (1, 0, 0), (0, 0, 1))
_INVERSION = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))

_ENTRIES = [0.0, 1.0, 0.5, _PHI / 2, (_PHI - 1) / 2]


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
        return describe_orthogonal_2d(g)

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
    def order(self) -> int:
        """The number n."""
        return self.n

    @property
    def discrete_generators(self) -> Tensor:
        """The rotation by 360 / n degrees."""
        return _rotation(1 % self.n, self.n).unsqueeze(0)

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
    def order(self) -> int:
        """Twice n."""
        return 2 * self.n

    @property
    def discrete_generators(self) -> Tensor:
        """The rotation by 360 / n degrees and the reflection y -> -y."""
        return torch.stack([_rotation(1 % self.n, self.n), torch.diag(torch.tensor([1, -1], dtype=torch.float64))])

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
    check_listable(f"C_{n}", n)
    return torch.tensor([_rotation_rows(k, n) for k in range(n)], dtype=torch.float64)


def _rotation(k: int, n: int) -> Tensor:
    return torch.tensor(_rotation_rows(k, n), dtype=torch.float64)


def _rotation_rows(k: int, n: int) -> list[list[float]]:
    return [[_cosine(k, n), -_sine(k, n)], [_sine(k, n), _cosine(k, n)]]


@dataclass(frozen=True, repr=False)
class PolyhedralGroup(FiniteGroup):
    """What the groups of the regular solids share: they act on space; their entries are exact up to one rounding."""

    _title: ClassVar[str]
    _generating: ClassVar[tuple[tuple[tuple[float, ...], ...], ...]]

    @property
    def name(self) -> str:
        """Schoenflies' symbol."""
        return self._title

    @property
    def dimension(self) -> int:
        """3."""
        return 3

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    @property
    def discrete_generators(self) -> Tensor:
        """Two or three elements that generate the group, ``(k, 3, 3)``."""
        return torch.tensor(self._generating, dtype=torch.float64)

    def _list_elements(self) -> Tensor:
        elements = FiniteMatrixGroup(self.discrete_generators).elements
        exact = torch.tensor(sorted({sign * entry for entry in _ENTRIES for sign in (-1, 1)}), dtype=torch.float64)
        return exact[(elements[..., None] - exact).abs().argmin(-1)] + 0.0

    def describe(self, g: Tensor) -> str:
        """One element ``(3, 3)`` in words: angle, axis, reflection."""
        self.index(g)
        return describe_orthogonal_3d(g)


@dataclass(frozen=True, repr=False)
class Tetrahedral(PolyhedralGroup):
    """T: the 12 rotations of the tetrahedron with the vertices (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1).

    Example:
        >>> Tetrahedral().order, FullTetrahedral().order, Pyritohedral().order
        (12, 24, 24)
    """

    _title = "T"
    _generating = (_HALF_TURN, _THIRD_TURN)


@dataclass(frozen=True, repr=False)
class FullTetrahedral(PolyhedralGroup):
    """T_d: all 24 symmetries of the tetrahedron, reflections included; no inversion."""

    _title = "T_d"
    _generating = (_HALF_TURN, _THIRD_TURN, _MIRROR)


@dataclass(frozen=True, repr=False)
class Pyritohedral(PolyhedralGroup):
    """T_h: the rotations of the tetrahedron and the inversion, 24 elements: pyrite, and the volleyball."""

    _title = "T_h"
    _generating = (_HALF_TURN, _THIRD_TURN, _INVERSION)


@dataclass(frozen=True, repr=False)
class Octahedral(PolyhedralGroup):
    """O: the 24 rotations of the cube and of the octahedron, with the faces and the vertices on the axes.

    Example:
        >>> Octahedral().order
        24
    """

    _title = "O"
    _generating = (_QUARTER_TURN, _THIRD_TURN)


@dataclass(frozen=True, repr=False)
class FullOctahedral(PolyhedralGroup):
    """O_h: the rotations of the cube and the inversion, 48 elements: all signed permutations of the axes."""

    _title = "O_h"
    _generating = (_QUARTER_TURN, _THIRD_TURN, _INVERSION)


@dataclass(frozen=True, repr=False)
class Icosahedral(PolyhedralGroup):
    """I: the 60 rotations of the icosahedron with the vertices (0, +-1, +-phi) and cyclic; T is a subgroup.

    Example:
        >>> Icosahedral().order
        60
    """

    _title = "I"
    _generating = (_HALF_TURN, _THIRD_TURN, _FIFTH_TURN)


@dataclass(frozen=True, repr=False)
class FullIcosahedral(PolyhedralGroup):
    """I_h: the rotations of the icosahedron and the inversion, 120 elements."""

    _title = "I_h"
    _generating = (_HALF_TURN, _THIRD_TURN, _FIFTH_TURN, _INVERSION)
