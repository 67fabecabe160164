"""Structures of a user's file: read by ase, checked, and reduced to what is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine.data._elements import CHEMICAL_SYMBOLS
from intertwine.data.readers._npz_atoms import read_npz_atoms
from intertwine.data.readers._structure_targets import atom_target_of, target_of
from intertwine.data.readers._xyz import read_xyz_frames
from intertwine.data.readers._xyz_atoms import explain_atoms

if TYPE_CHECKING:
    from intertwine.reps import Rep

XYZ_SUFFIXES = (".xyz", ".extxyz")
NPZ_SUFFIX = ".npz"
_SAME_PLACE = 1e-5
"""In Angstrom: the distance of two periodic images that are one atom."""
_LARGEST = 1e6
"""In Angstrom: a coordinate beyond which there is no molecule."""


class StructureRecord(NamedTuple):
    """One structure.

    numbers (n,); positions (n, 3) in Angstrom; targets name -> (d,); atom_targets name -> (n, d); the name of the file;
    a number from 1; cell (9,) and pbc (3,), None where no direction is periodic.
    """

    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    targets: dict[str, npt.NDArray[np.float64]]
    atom_targets: dict[str, npt.NDArray[np.float64]]
    file: str
    number: int
    cell: npt.NDArray[np.float64] | None
    pbc: npt.NDArray[np.bool_] | None


class TargetReps(NamedTuple):
    """What to look up in each frame, and its representation: of the structure, and of each atom."""

    structure: Mapping[str, Rep]
    atoms: Mapping[str, Rep]


def read_records(path: Path, targets: TargetReps, report: Callable[[int], None]) -> Iterator[StructureRecord]:
    """The structures of one file, one at a time.

    Args:
        path: an existing file.
        targets: what to look up in each.
        report: called with the bytes of the file that have been read.

    Raises:
        UsageError: the file is empty, or a frame is not what it must be; the message names file and frame.
    """
    for number, atoms in enumerate(atoms_of_file(path, report), 1):
        yield _record(atoms, targets, path, number)


def atoms_of_file(path: Path, report: Callable[[int], None]) -> Iterator[Any]:
    """The structures of one file as ase reads them, unchecked, one at a time; arguments as those of `read_records`.

    Raises:
        UsageError: the file is empty, or a frame cannot be read; the message names file and frame.
    """
    empty = True
    suffix = path.suffix.lower()
    read = _read_xyz if suffix in XYZ_SUFFIXES else read_npz_atoms if suffix == NPZ_SUFFIX else _read_with_ase
    for atoms in read(path, report):
        empty = False
        yield atoms
    if empty:
        raise UsageError(f"{path} holds no structures: it is {'blank' if path.stat().st_size else 'empty'}")
    report(path.stat().st_size)


def _read_xyz(path: Path, report: Callable[[int], None]) -> Iterator[Any]:
    from ase.io import read

    for number, frame in enumerate(read_xyz_frames(path, report), 1):
        try:
            yield read(StringIO(frame.text), index=0, format="extxyz")
        except Exception as error:  # ase raises what it meets: KeyError, ValueError, IndexError, OSError ...
            if isinstance(error, KeyError) and error.args and error.args[0] not in CHEMICAL_SYMBOLS:
                raise UsageError(f'{path}, frame {number}: unknown element "{error.args[0]}"') from error
            reason = explain_atoms(frame.text, frame.line) or f"cannot be read: {_brief(error)}"
            raise UsageError(f"{path}, frame {number}: {reason}") from error


def _read_with_ase(path: Path, report: Callable[[int], None]) -> Iterator[Any]:
    """Structures of another format; XYZ of another name is read as XYZ, since ase does not check its counts."""
    from ase.io import iread
    from ase.io.formats import filetype

    if not path.stat().st_size:
        return
    number = 0
    try:
        if filetype(str(path)) in ("xyz", "extxyz"):
            yield from _read_xyz(path, report)
            return
        for atoms in iread(path, index=":", do_not_split_by_at_sign=True):
            number += 1
            yield atoms
    except UsageError:
        raise
    except Exception as error:
        location = f"{path}, frame {number + 1}" if number else str(path)
        raise UsageError(f"{location}: ase cannot read this: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__


def _record(atoms: Any, targets: TargetReps, path: Path, number: int) -> StructureRecord:
    location = f"{path}, frame {number}"
    check_atoms(atoms, location)
    pbc = np.array(atoms.pbc, dtype=bool)
    return StructureRecord(
        np.asarray(atoms.numbers, dtype=np.int64),
        np.array(atoms.positions, dtype=np.float64),
        {name: target_of(atoms, name, rep, location) for name, rep in targets.structure.items()},
        {name: atom_target_of(atoms, name, rep, location) for name, rep in targets.atoms.items()},
        path.name,
        number,
        np.array(atoms.cell[:], dtype=np.float64).reshape(9) if pbc.any() else None,
        pbc if pbc.any() else None,
    )


def check_atoms(atoms: Any, location: str) -> None:
    """Raise unless a structure has atoms, known elements, finite coordinates, and no two atoms in one place.

    Args:
        atoms: ase's.
        location: file and frame, for the message.

    Raises:
        UsageError: it has not; or lattice vectors of periodic directions are not independent.
    """
    numbers = np.asarray(atoms.numbers, dtype=np.int64)
    positions = np.array(atoms.positions, dtype=np.float64)
    if not len(numbers):
        raise UsageError(f"{location}: a structure needs at least one atom, this one has none")
    unknown = (numbers < 1) | (numbers >= len(CHEMICAL_SYMBOLS))
    if unknown.any():
        atom = int(unknown.argmax())
        kind = "X" if numbers[atom] == 0 else str(numbers[atom])
        raise UsageError(f'{location}: unknown element "{kind}" (atom {atom + 1})')
    bad = ~np.isfinite(positions).all(axis=1)
    if bad.any():
        atom = int(bad.argmax())
        x, y, z = positions[atom]
        raise UsageError(f"{location}: the coordinates of atom {atom + 1} are not finite: {x:g} {y:g} {z:g}")
    if len(numbers) > 1 and not positions.any():
        raise UsageError(f'{location}: every atom is at the origin: is the column of coordinates called "pos"?')
    _check_cell(atoms, location)
    _check_places(positions, location)
    if np.any(atoms.pbc):
        _check_images(positions, atoms, location)


def _check_cell(atoms: Any, location: str) -> None:
    """Raise UsageError unless the lattice vectors of periodic directions are finite and independent."""
    rows = np.asarray(atoms.cell[:], dtype=np.float64)[np.asarray(atoms.pbc)]
    if not len(rows):
        return
    if not np.isfinite(rows).all():
        raise UsageError(f"{location}: its lattice vectors are not finite; correct them, or leave it out")
    lengths = np.linalg.norm(rows, axis=1)
    if (lengths < 1e-6).any():
        raise UsageError(f'{location}: it is periodic, and has no cell; write Lattice="...", or pbc="F F F"')
    if np.linalg.svd(rows / lengths[:, None], compute_uv=False).min() < 1e-6:
        raise UsageError(f"{location}: the lattice vectors of its periodic directions are not independent")


def _check_images(positions: npt.NDArray[np.float64], atoms: Any, location: str) -> None:
    """Raise UsageError if an atom is the periodic image of another one."""
    periodic = np.asarray(atoms.pbc)
    rows = np.asarray(atoms.cell[:], dtype=np.float64) * periodic[:, None]
    heights = np.einsum("ni,ij->nj", positions, np.linalg.pinv(rows))[:, periodic]
    steps = np.round(heights - heights[:1])  # the boundary of the cell stands half a cell away from the first atom
    wrapped = np.round((positions - steps @ rows[periodic]) / _SAME_PLACE)
    order = np.lexsort(wrapped.T)
    same = (wrapped[order[1:]] == wrapped[order[:-1]]).all(axis=1)
    if same.any():
        first, second = sorted(order[int(same.argmax()) :][:2] + 1)
        raise UsageError(f"{location}: atom {second} is a periodic image of atom {first}; leave one of them out")


def _check_places(positions: npt.NDArray[np.float64], location: str) -> None:
    """Raise UsageError if a coordinate is beyond any molecule, or two atoms have one place."""
    farthest = int(np.abs(positions).max(axis=1).argmax())
    if np.abs(positions[farthest]).max() > _LARGEST:
        x, y, z = positions[farthest]
        raise UsageError(
            f"{location}: atom {farthest + 1} is at {x:g} {y:g} {z:g} Angstrom; expected at most {_LARGEST:g}"
        )
    order = np.lexsort(positions.T)
    same = (positions[order[1:]] == positions[order[:-1]]).all(axis=1)
    if same.any():
        first, second = sorted(order[int(same.argmax()) :][:2] + 1)
        raise UsageError(f"{location}: atoms {first} and {second} are at the same place")
