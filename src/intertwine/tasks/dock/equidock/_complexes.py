"""Complexes of a folder: pairs of files of ligand and receptor in their places, and lists of a split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import Split, make_split
from intertwine.tasks._example_groups import grouped_split
from intertwine.tasks.dock import SUFFIXES, Structure, read_structure
from intertwine.tasks.dock.equidock._backbone import backbone

CONTACT = 8.0
"""Alpha carbons of both proteins nearer than this, in angstrom, are the interface."""
LISTS = {"train": ("train.txt",), "validation": ("validation.txt", "val.txt"), "test": ("test.txt",)}
_SIDES = re.compile(r"(?P<name>.+)_(?P<side>l|r|ligand|receptor)(_b)?", re.IGNORECASE)
_RULE = "expected pairs NAME_l.pdb and NAME_r.pdb, ligand and receptor of one complex in their places (or mmCIF)"
_APART = "ligand and receptor do not touch: are both in their places, and in one unit?"


class Complex(NamedTuple):
    """Two proteins in the places that they have in their complex."""

    name: str
    ligand: Structure
    receptor: Structure


class ComplexFiles(NamedTuple):
    """The name of a complex and the files of ligand and receptor."""

    name: str
    ligand: Path
    receptor: Path


@dataclass(frozen=True)
class ComplexSet:
    """Complexes, and the files that were left out: names and reasons."""

    complexes: tuple[Complex, ...]
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.complexes)

    @property
    def names(self) -> list[str]:
        """Of the complexes."""
        return [each.name for each in self.complexes]

    def select(self, indices: Tensor | Sequence[int]) -> Self:
        """Some of them, in the order of ``indices``."""
        rows = indices.tolist() if isinstance(indices, Tensor) else indices
        return type(self)(tuple(self.complexes[k] for k in rows))


def find_complexes(folder: Path) -> list[ComplexFiles]:
    """The pairs of files of a folder by name; files of other names, such as unbound structures, do not count.

    Args:
        folder: With NAME_l.pdb and NAME_r.pdb of each complex; also NAME_l_b (bound) and NAME_ligand; mmCIF, gzip.

    Raises:
        UsageError: There is no pair, or two files are the same side of a complex.
    """
    sides: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        ending = max((end for end in SUFFIXES if path.name.lower().endswith(end)), key=len, default=None)
        found = None if ending is None else _SIDES.fullmatch(path.name[: -len(ending)])
        if found is None:
            continue
        side, pair = found["side"][0].lower(), sides.setdefault(found["name"], {})
        if side in pair:
            raise UsageError(f"{folder}: {pair[side].name} and {path.name} are one side of one complex")
        pair[side] = path
    pairs = [ComplexFiles(name, pair["l"], pair["r"]) for name, pair in sorted(sides.items()) if len(pair) == 2]
    if not pairs:
        raise UsageError(f"{folder} has no complex: {_RULE}")
    return pairs


def iter_complexes(
    folder: Path, *, strict: bool = False, progress: ProgressCallback = no_progress
) -> Iterator[Complex | tuple[str, str]]:
    """The complexes of a folder; of those that cannot be read, the name and the reason."""
    pairs = find_complexes(folder)
    for number, pair in enumerate(pairs, 1):
        try:
            found = Complex(pair.name, *(read_structure(path).structure for path in (pair.ligand, pair.receptor)))
            for side in found[1:]:
                if not len(backbone(side).rows):
                    raise UsageError(f"{side.name} has no residue with N, CA and C")
            yield found
        except UsageError as error:
            if strict or "gemmi" in str(error):
                raise
            yield pair.name, str(error)
        progress(number, len(pairs))


def read_complexes(folder: Path, *, strict: bool = False, progress: ProgressCallback = no_progress) -> ComplexSet:
    """All complexes of a folder whose proteins touch: alpha carbons nearer than 8 angstrom.

    Args:
        folder: As `find_complexes` takes it.
        strict: Whether a file that cannot be read, or a complex that is none, is an error.
        progress: Called with how many complexes are read, of how many.

    Raises:
        UsageError: There is none.
    """
    complexes: list[Complex] = []
    skipped: list[tuple[str, str]] = []
    for each in iter_complexes(folder, strict=strict, progress=progress):
        if not isinstance(each, Complex):
            skipped.append(each)
        elif _touch(each):
            complexes.append(each)
        elif strict:
            raise UsageError(f"{folder}: {each.name}: {_APART}")
        else:
            skipped.append((each.name, _APART))
    if not complexes:
        raise UsageError(f"{folder}: no complex can be read; {skipped[0][0]}: {skipped[0][1]}")
    return ComplexSet(tuple(complexes), tuple(skipped))


def _touch(each: Complex) -> bool:
    ligand, receptor = (side.alpha_carbon_coordinates for side in each[1:])
    return bool(np.isfinite(cKDTree(receptor).query(ligand, distance_upper_bound=CONTACT)[0]).any())


def split_complexes(
    folder: Path,
    complexes: ComplexSet,
    amounts: dict[str, int | float | None],
    seed: int,
    group_by: str | None = None,
) -> tuple[Split, str]:
    """The split that lists in the folder prescribe, else a random one, and where it is from.

    Args:
        folder: With train.txt, validation.txt (or val.txt) and test.txt, a name in each line, if there is a split; in
            the folder itself or in its folder "splits".
        complexes: Those that were read.
        amounts: Sizes by part; any that is given replaces the lists.
        seed: Of a random split.
        group_by: A regular expression; complexes in whose names it finds the same stay together in a random split.

    Raises:
        UsageError: A list names no complex of the folder; or there are lists and groups, or too few groups.
    """
    lists = {part: _list(folder, names) for part, names in LISTS.items()}
    prescribed = lists["train"] is not None and all(amount is None for amount in amounts.values())
    if group_by is not None:
        split = grouped_split(str(folder), complexes.names, group_by, amounts, seed, prescribed=prescribed)
        return split, f"seed {seed}, grouped by {group_by}"
    if not prescribed:
        return make_split(len(complexes), **amounts, seed=seed), f"seed {seed}"
    places = {name: k for k, name in enumerate(complexes.names)}
    parts: dict[str, list[int]] = {}
    for part, listed in lists.items():
        parts[part] = [places[name] for name in listed or [] if name in places]
        if listed and not parts[part]:
            raise UsageError(f"{folder}: no complex that is listed for {part} is there, such as {listed[0]}")
    double = set(parts["train"]) & set(parts["validation"] + parts["test"])
    if double:
        raise UsageError(f"{folder}: {complexes.names[min(double)]} is listed for training and for another part")
    return Split.from_json({"n": len(complexes), "seed": seed, **parts}), "by the lists of the folder"


def _list(folder: Path, names: tuple[str, ...]) -> list[str] | None:
    for place in (folder, folder / "splits"):
        for name in names:
            if (place / name).is_file():
                return (place / name).read_text(encoding="utf-8", errors="replace").split()
    return None
