"""Crystal classes, 10 in the plane and 32 in space, identified by how many operations of each type they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from intertwine.patterns.crystal._integers import determinant

_Matrix = Sequence[Sequence[int]]

# Rotations by their order, and improper operations -n by minus the order n of the rotation: -1 inversion, -2 mirror.
_SPACE = {
    "1": "1",
    "-1": "1 -1",
    "2": "1 2",
    "m": "1 -2",
    "2/m": "1 -1 2 -2",
    "222": "1 2x3",
    "mm2": "1 2 -2x2",
    "mmm": "1 -1 2x3 -2x3",
    "4": "1 2 4x2",
    "-4": "1 2 -4x2",
    "4/m": "1 -1 2 -2 4x2 -4x2",
    "422": "1 2x5 4x2",
    "4mm": "1 2 -2x4 4x2",
    "-42m": "1 2x3 -2x2 -4x2",
    "4/mmm": "1 -1 2x5 -2x5 4x2 -4x2",
    "3": "1 3x2",
    "-3": "1 -1 3x2 -3x2",
    "32": "1 2x3 3x2",
    "3m": "1 -2x3 3x2",
    "-3m": "1 -1 2x3 -2x3 3x2 -3x2",
    "6": "1 2 3x2 6x2",
    "-6": "1 -2 3x2 -6x2",
    "6/m": "1 -1 2 -2 3x2 -3x2 6x2 -6x2",
    "622": "1 2x7 3x2 6x2",
    "6mm": "1 2 -2x6 3x2 6x2",
    "-6m2": "1 2x3 -2x4 3x2 -6x2",
    "6/mmm": "1 -1 2x7 -2x7 3x2 -3x2 6x2 -6x2",
    "23": "1 2x3 3x8",
    "m-3": "1 -1 2x3 -2x3 3x8 -3x8",
    "432": "1 2x9 3x8 4x6",
    "-43m": "1 2x3 -2x6 3x8 -4x6",
    "m-3m": "1 -1 2x9 -2x9 3x8 -3x8 4x6 -4x6",
}
_PLANE = {
    "1": "1",
    "2": "1 2",
    "m": "1 -2",
    "2mm": "1 2 -2x2",
    "3": "1 3x2",
    "3m": "1 3x2 -2x3",
    "4": "1 2 4x2",
    "4mm": "1 2 4x2 -2x4",
    "6": "1 2 3x2 6x2",
    "6mm": "1 2 3x2 6x2 -2x6",
}
_ORDER_BY_TRACE = {2: {2: 1, -2: 2, -1: 3, 0: 4, 1: 6}, 3: {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}}


def _table(classes: dict[str, str]) -> dict[frozenset[tuple[int, int]], str]:
    def count(text: str) -> frozenset[tuple[int, int]]:
        pairs = (word.partition("x") for word in text.split())
        return frozenset((int(kind), int(times or 1)) for kind, _, times in pairs)

    return {count(text): name for name, text in classes.items()}


CRYSTAL_CLASSES = {2: tuple(_PLANE), 3: tuple(_SPACE)}
"""The Hermann-Mauguin symbols of the crystal classes by dimension."""

_TABLES = {2: _table(_PLANE), 3: _table(_SPACE)}


def rotation_type(matrix: _Matrix) -> int:
    """The type n of an n-fold rotation, or -n of an n-fold rotoinversion; -2 is a mirror, also in the plane.

    >>> rotation_type([[0, -1], [1, 0]]), rotation_type([[-1, 0, 0], [0, 1, 0], [0, 0, 1]])
    (4, -2)
    """
    sign, size = int(determinant(matrix)), len(matrix)
    if size == 2 and sign < 0:
        return -2
    return sign * _ORDER_BY_TRACE[size][sign * sum(matrix[i][i] for i in range(size))]


def crystal_class(matrices: Sequence[_Matrix]) -> str:
    """The crystal class of a finite group of integer 2 x 2 or 3 x 3 matrices, as a Hermann-Mauguin symbol.

    Raises:
        ValueError: If they form no crystallographic point group.
    """
    counts = frozenset(Counter(rotation_type(matrix) for matrix in matrices).items())
    try:
        return _TABLES[len(matrices[0])][counts]
    except KeyError as error:
        raise ValueError(f"{len(matrices)} matrices of these types are no crystallographic point group") from error
