"""The 230 space groups, with operations from the database of spglib."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import Any

from intertwine._errors import UsageError
from intertwine.patterns.crystal._crystal_group import CrystalGroup, group_from_elements
from intertwine.patterns.crystal._operation import Operation

_UNIT = 24
"""Every translation in the database is a multiple of 1/24."""
_ROUNDING = 1e-6
_SETTINGS = range(1, 531)


@dataclass(frozen=True)
class SpaceGroupType:
    """Entry of the International Tables for one space group.

    Args:
        number: 1 .. 230.
        symbol: Short Hermann-Mauguin symbol, such as "Fm-3m".
        schoenflies: Schoenflies symbol, such as "Oh^5".
        hall_number: Setting in the numbering of Hall symbols, 1 .. 530; the first of each space group is its standard.
    """

    number: int
    symbol: str
    schoenflies: str
    hall_number: int


@lru_cache(maxsize=1)
def space_group_types() -> tuple[SpaceGroupType, ...]:
    """The 230 space-group types in the standard setting, by number.

    Raises:
        UsageError: If spglib is not installed.
    """
    found: dict[int, SpaceGroupType] = {}
    for hall_number in _SETTINGS:
        kind = _spglib().get_spacegroup_type(hall_number)
        symbol, schoenflies = kind.international_short, kind.schoenflies
        found.setdefault(kind.number, SpaceGroupType(kind.number, symbol, schoenflies, hall_number))
    return tuple(found[number] for number in sorted(found))


def space_group(which: int | str) -> CrystalGroup:
    """One of the 230 space groups, in the conventional cell of its standard setting.

    Args:
        which: Number, short Hermann-Mauguin symbol ("P2_1/c", "Fm-3m") or Schoenflies symbol ("Oh^5").

    Returns:
        The group, with the lattice Z^3 of the conventional cell; ``primitive()`` gives it in a primitive cell.

    Raises:
        UsageError: If no group has that name, or spglib is not installed.

    Reference:
        International Tables for Crystallography A; operations from spglib (Togo, Shinohara and Tanaka, 2024).

    >>> G = space_group("Fm-3m")
    >>> G.order, G.point_group.name, G.symmorphic, G.multiplicity((0, 0, 0))
    (192, 'm-3m', True, 4)
    """
    types = space_group_types()
    names = {name.lower(): item for item in reversed(types) for name in (item.symbol, item.schoenflies)}
    text = str(which).strip()
    if text.lstrip("-").isdigit():
        number = int(text)
        if not 1 <= number <= len(types):
            raise UsageError(f"space groups have the numbers 1 to {len(types)}, got {number}")
        return _group(types[number - 1])
    plain = text.replace(" ", "").lower()
    found = names.get(plain) or {name.replace("_", ""): item for name, item in names.items()}.get(plain)
    if found is None:
        close = get_close_matches(plain, names, 1)
        question = f'; did you mean "{names[close[0]].symbol}"?' if close else "."
        raise UsageError(f'no space group "{which}"{question} Give a number from 1 to 230 or a symbol such as "P2_1/c"')
    return _group(found)


def database_operations(hall_number: int) -> tuple[Operation, ...]:
    """The operations of one of the 530 settings of spglib, in exact arithmetic.

    Args:
        hall_number: 1 .. 530.
    """
    tables = _spglib().get_symmetry_from_database(hall_number)
    return tuple(
        Operation(tuple(tuple(map(int, row)) for row in rotation), tuple(map(_fraction, translation)))
        for rotation, translation in zip(tables["rotations"], tables["translations"], strict=True)
    )


@lru_cache(maxsize=256)
def _group(kind: SpaceGroupType) -> CrystalGroup:
    return group_from_elements(database_operations(kind.hall_number), lattice_rank=3, dimension=3, name=kind.symbol)


def _fraction(value: float) -> Fraction:
    numerator = round(float(value) * _UNIT)
    assert abs(float(value) * _UNIT - numerator) < _ROUNDING, f"a translation of {value} is no multiple of 1/{_UNIT}"
    return Fraction(numerator, _UNIT)


def _spglib() -> Any:
    try:
        import spglib
    except ModuleNotFoundError as error:
        raise UsageError(
            'space groups need the package spglib, which is not installed; pip install "intertwine[patterns]"'
        ) from error
    return spglib
