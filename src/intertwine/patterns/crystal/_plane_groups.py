"""The 7 frieze groups and the 17 wallpaper groups, given by generators in fractional coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from intertwine._errors import UsageError
from intertwine.patterns.crystal._crystal_group import CrystalGroup
from intertwine.patterns.crystal._integers import solve_modulo_integers, torsion
from intertwine.patterns.crystal._operation import Operation


@dataclass(frozen=True)
class WallpaperType:
    """Entry of the International Tables for one wallpaper group.

    Args:
        symbol: Full Hermann-Mauguin symbol.
        lattice: Bravais lattice: "oblique", "rectangular", "centered", "square" or "hexagonal". The cell is primitive:
            that of a centered rectangular lattice is a rhombus.
        generators: Generators besides the two lattice translations, as coordinate pairs.
    """

    symbol: str
    lattice: str
    generators: tuple[str, ...]


WALLPAPERS: dict[str, WallpaperType] = {
    "p1": WallpaperType("p1", "oblique", ()),
    "p2": WallpaperType("p211", "oblique", ("-x, -y",)),
    "pm": WallpaperType("p1m1", "rectangular", ("-x, y",)),
    "pg": WallpaperType("p1g1", "rectangular", ("-x, y+1/2",)),
    "cm": WallpaperType("c1m1", "centered", ("y, x",)),
    "pmm": WallpaperType("p2mm", "rectangular", ("-x, y", "x, -y")),
    "pmg": WallpaperType("p2mg", "rectangular", ("-x, -y", "-x+1/2, y")),
    "pgg": WallpaperType("p2gg", "rectangular", ("-x, -y", "-x+1/2, y+1/2")),
    "cmm": WallpaperType("c2mm", "centered", ("-x, -y", "y, x")),
    "p4": WallpaperType("p4", "square", ("-y, x",)),
    "p4m": WallpaperType("p4mm", "square", ("-y, x", "-x, y")),
    "p4g": WallpaperType("p4gm", "square", ("-y, x", "-x+1/2, y+1/2")),
    "p3": WallpaperType("p3", "hexagonal", ("-y, x-y",)),
    "p3m1": WallpaperType("p3m1", "hexagonal", ("-y, x-y", "-y, -x")),
    "p31m": WallpaperType("p31m", "hexagonal", ("-y, x-y", "y, x")),
    "p6": WallpaperType("p6", "hexagonal", ("x-y, x",)),
    "p6m": WallpaperType("p6mm", "hexagonal", ("x-y, x", "y, x")),
}
"""The 17 wallpaper groups by their short symbols, in the order of the International Tables."""

FRIEZES: dict[str, tuple[str, ...]] = {
    "p1": (),
    "p11g": ("x+1/2, -y",),
    "p1m1": ("-x, y",),
    "p2": ("-x, -y",),
    "p2mg": ("x+1/2, -y", "-x, y"),
    "p11m": ("x, -y",),
    "p2mm": ("-x, y", "x, -y"),
}
"""The generators of the 7 frieze groups besides the translation x -> x + 1."""


def wallpaper(name: str) -> CrystalGroup:
    """One of the 17 wallpaper groups, in a primitive cell.

    Args:
        name: Short symbol ("p4g") or full Hermann-Mauguin symbol ("p4gm").

    Returns:
        The group, with lattice Z^2.

    Raises:
        UsageError: If no group has that name.

    Reference:
        G. Polya, Zeitschrift fuer Kristallographie 60 (1924) 278; International Tables for Crystallography A.

    >>> [wallpaper(name).order for name in WALLPAPERS]
    [1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 3, 6, 6, 6, 12]
    """
    known = {name: name for name in WALLPAPERS} | {kind.symbol: name for name, kind in WALLPAPERS.items()}
    return _wallpaper(_find_name("wallpaper group", name, known, list(WALLPAPERS)))


@lru_cache(maxsize=32)
def _wallpaper(name: str) -> CrystalGroup:
    return CrystalGroup(name, tuple(map(Operation.parse, WALLPAPERS[name].generators)), lattice_rank=2, dimension=2)


def frieze(name: str) -> CrystalGroup:
    """One of the 7 frieze groups: isometries of a strip that is periodic along x.

    Args:
        name: "p1", "p11g", "p1m1", "p2", "p2mg", "p11m" or "p2mm".

    Returns:
        The group, with the lattice of the translations x -> x + 1.

    Raises:
        UsageError: If no group has that name.

    >>> [frieze(name).order for name in FRIEZES]
    [1, 2, 2, 2, 4, 2, 4]
    """
    return _frieze(_find_name("frieze group", name, {name: name for name in FRIEZES}, list(FRIEZES)))


@lru_cache(maxsize=16)
def _frieze(name: str) -> CrystalGroup:
    return CrystalGroup(name, tuple(map(Operation.parse, FRIEZES[name])), lattice_rank=1, dimension=2)


def _find_name(kind: str, name: str, names: dict[str, str], listed: list[str]) -> str:
    plain = name.strip().lower()
    if plain in names:
        return names[plain]
    close = get_close_matches(plain, names, 1, 0.5)
    question = f'; did you mean "{close[0]}"?' if close else "."
    raise UsageError(f'no {kind} "{name}"{question} Known: {", ".join(listed)}')


def wallpaper_name(group: CrystalGroup) -> str:
    """The short symbol of a group of the plane, in any basis, with any origin and cell.

    Four invariants identify it: the number of elements modulo the lattice, the number of rotations among them, the
    torsion of Z^2 modulo the span of all ``(1 - W) Z^2``, and the number of reflections W with a mirror line (others
    have glide lines only).

    Args:
        group: A group of isometries of the plane with a lattice of rank 2.

    Raises:
        ValueError: If the group is not a wallpaper group.

    >>> wallpaper_name(wallpaper("p31m").transformed([[2, 1], [1, 1]], ["1/3", "1/5"]))
    'p31m'
    """
    if (group.dimension, group.lattice_rank) != (2, 2):
        raise ValueError(f"a wallpaper group repeats along 2 of 2 coordinates, {group} along {group.lattice_rank}")
    return _by_invariants()[invariants(group)]


def invariants(group: CrystalGroup) -> tuple[int, ...]:
    """The four invariants of :func:`wallpaper_name`."""
    elements = group.primitive().elements
    rotations = sum(1 for g in elements if g.determinant > 0)
    differences = [[int(i == j) - g.linear[i][j] for i in range(2)] for g in elements for j in range(2)]
    mirrors = sum(1 for g in elements if g.determinant < 0 and has_mirror(g))
    return len(elements), rotations, torsion(differences), mirrors


def has_mirror(operation: Operation) -> bool:
    """Whether a reflection (W|w), up to lattice translations v, has a line of fixed points: ``(1 - W) x = w + v``.

    >>> has_mirror(Operation.parse("-x, y")), has_mirror(Operation.parse("-x, y+1/2"))
    (True, False)
    """
    size = range(operation.dimension)
    rows = [[int(i == j) - operation.linear[i][j] for j in size] for i in size]
    return solve_modulo_integers(rows, operation.translation) is not None


@lru_cache(maxsize=1)
def _by_invariants() -> dict[tuple[int, ...], str]:
    return {invariants(wallpaper(name)): name for name in WALLPAPERS}
