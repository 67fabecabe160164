"""The symmetries of the regular solids: T, T_d, T_h, O, O_h, I, I_h, with their two-fold axes along x, y and z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from intertwine.groups._finite import FiniteGroup
from intertwine.groups._matrix import FiniteMatrixGroup
from intertwine.groups._words import spatial_words

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
        return spatial_words(g)


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
