"""NPZ reader of structures: arrays of atomic numbers and coordinates, with the energies and forces beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine.data.readers._npz_clouds import DAMAGED, check_sizes

if TYPE_CHECKING:
    from ase import Atoms

_POSITIONS = ("coords", "coordinates", "positions", "pos", "R")
_NUMBERS = ("nuclear_charges", "atomic_numbers", "numbers", "z", "Z", "charges")
_COUNTS = ("N", "num_atoms")
_CELLS = ("lattice", "cell", "cells")
_LABELS = {"energies": "energy", "E": "energy", "F": "forces"}
"""What the arrays of rMD17 (energies, forces) and of MD17 and sGDML (E, F) hold."""
_ENERGIES, _FORCES = ("energy", "energies", "E"), ("forces", "F")
_EARLIER = "old_"
"""What the arrays begin with that rMD17 keeps of its first version."""
_ANGSTROM = ("ang", "angstrom", "a")
_VECTOR_OR_MATRIX = (3, 6, 9)
"""As the second length of two: the numbers of each frame, whatever the number of atoms."""
_MOST_NAMES = 12
_GEOMETRY = {*_POSITIONS, *_NUMBERS, *_COUNTS, *_CELLS, "e_unit", "r_unit"}

Arrays = Mapping[str, npt.NDArray[Any]]


def read_npz_atoms(path: Path, report: Callable[[int], None]) -> Iterator[Atoms]:
    """The structures of an archive, one at a time.

    The coordinates are ``(frames, atoms, 3)`` beside the numbers ``(atoms,)`` of all frames, as in MD17 and rMD17, or
    ``(frames, atoms)``, where zeros fill up smaller structures; or all atoms one after another ``(all atoms, 3)``
    beside the numbers of atoms ``N``, as in QM9. Every other array with a row for each frame or for each atom is kept
    under its name; ``energies`` and ``E`` are the energy as well, ``F`` the forces.

    Args:
        path: An existing file, with coordinates in Angstrom.
        report: Called with the bytes that have been read.

    Raises:
        UsageError: It cannot be read, an array is missing or of another shape, or the structures are periodic.
    """
    from ase import Atoms

    if not path.stat().st_size:
        return
    arrays = _read(path)
    positions, numbers, layout = _geometry(arrays, path)
    of_frames, of_atoms = _fields(arrays, layout, path)
    unit = str(arrays["e_unit"]) if "e_unit" in arrays else None
    ends, size = np.cumsum(layout.counts), path.stat().st_size
    for frame, (begin, end) in enumerate(zip(ends - layout.counts, ends, strict=True)):
        atoms = Atoms(numbers[begin:end], positions[begin:end])
        atoms.arrays.update({name: values[begin:end] for name, values in of_atoms.items()})
        atoms.info.update({name: values[frame] for name, values in of_frames.items()})
        if unit is not None:
            atoms.info["e_unit"] = unit
        report(size * (frame + 1) // len(ends))
        yield atoms


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Its arrays of numbers, and the units that it states."""
    try:
        check_sizes(path.read_bytes())
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if not name.startswith(_EARLIER)]
            arrays = {name: array for name in names if (array := _array(file, name)) is not None}
    except DAMAGED as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UsageError(f"{path}: cannot be read as NPZ ({lines[0][:100]})") from error
    unit = str(arrays["r_unit"]) if "r_unit" in arrays else "Ang"
    if unit.lower() not in _ANGSTROM:
        raise UsageError(f"{path}: coordinates in {unit[:40]} (r_unit); expected Ang: convert them, and the forces")
    periodic = [name for name in _CELLS if name in arrays and arrays[name].any()]
    if periodic:
        raise UsageError(f'{path}: "{periodic[0]}" makes it periodic; periodic structures are read from extended XYZ')
    return arrays


def _array(file: Any, name: str) -> npt.NDArray[Any] | None:
    """An array of numbers, or the name of a unit; None for other texts and for objects."""
    try:
        array = np.asarray(file[name])
    except ValueError as error:
        if "pickle" in str(error) or "Object arrays" in str(error):
            return None
        raise
    is_unit = name in ("e_unit", "r_unit") and array.ndim == 0
    return array if is_unit or array.dtype.kind in "fiu" else None


class _Layout(NamedTuple):
    """Where the atoms of each frame stand in an array.

    Attributes:
        counts: ``(frames,)``, the atoms of each.
        kept: ``(frames, atoms)``, which are no filling; None where all atoms stand one after another.
    """

    counts: npt.NDArray[np.int64]
    kept: npt.NDArray[np.bool_] | None

    def by_atom(self, array: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """The rows ``(all atoms, ...)`` of an array that has one for each atom; None if it has not."""
        if self.kept is None:
            return array if array.shape[:1] == (self.counts.sum(),) else None
        return array[self.kept] if array.shape[:2] == self.kept.shape else None


def _geometry(arrays: Arrays, path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any], _Layout]:
    """Coordinates ``(all atoms, 3)``, their atomic numbers, and where the atoms stand."""
    place, kind = _find(arrays, _POSITIONS, "coordinates", path), _find(arrays, _NUMBERS, "atomic numbers", path)
    positions, numbers = arrays[place].astype(np.float64), arrays[kind]
    if positions.ndim not in (2, 3) or positions.shape[-1] != 3:
        raise _shape_error(path, place, positions, "(frames, atoms, 3), or (all atoms, 3) beside N")
    if not np.all(numbers == np.round(numbers)):
        raise UsageError(f'{path}: the array "{kind}" holds atomic numbers that are not whole')
    numbers = numbers.astype(np.int64)
    if positions.ndim == 2:
        layout = _Layout(_counts(arrays, len(positions), path), None)
        if numbers.shape != positions.shape[:1]:
            raise _shape_error(path, kind, numbers, f"{positions.shape[:1]}, one for each atom")
        return positions, numbers, layout
    if numbers.shape not in (positions.shape[1:2], positions.shape[:2]):
        raise _shape_error(path, kind, numbers, f"{positions.shape[1:2]} or {positions.shape[:2]}")
    numbers = np.broadcast_to(numbers, positions.shape[:2])
    kept = numbers != 0
    return positions[kept], numbers[kept], _Layout(kept.sum(1), kept)


def _counts(arrays: Arrays, atoms: int, path: Path) -> npt.NDArray[np.int64]:
    counts = arrays[_find(arrays, _COUNTS, "the numbers of atoms of the frames", path)]
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts.astype(np.int64) < 0).any():
        raise _shape_error(path, _find(arrays, _COUNTS, "", path), counts, "whole numbers (frames,)")
    if counts.sum() != atoms:
        raise UsageError(f"{path}: the frames have {counts.sum():,} atoms together, the coordinates {atoms:,} rows")
    return counts.astype(np.int64)


def _fields(
    arrays: Arrays, layout: _Layout, path: Path
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """The other arrays: those with one value for each frame, and those with one for each atom."""
    of_frames: dict[str, npt.NDArray[Any]] = {}
    of_atoms: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        if name in _GEOMETRY:
            continue
        rows = layout.by_atom(array)
        # (frames, 3) may be vectors of the frames, or numbers of three atoms: forces are no such numbers
        is_of_frames = array.shape[:1] == layout.counts.shape and array.ndim < 3
        if name in _FORCES or (rows is not None and not (is_of_frames and _is_wide(array))):
            if rows is None:
                raise _shape_error(path, name, array, "three numbers for each atom, in the shape of the coordinates")
            of_atoms[name] = rows
        elif array.shape[:1] == layout.counts.shape:
            of_frames[name] = array.reshape(-1) if array.size == len(array) else array
        elif name in _ENERGIES:
            raise _shape_error(path, name, array, f"({len(layout.counts)},), one for each frame")
    for fields in (of_frames, of_atoms):
        for name, label in _LABELS.items():
            if name in fields:
                fields.setdefault(label, fields[name])
    return of_frames, of_atoms


def _is_wide(array: npt.NDArray[Any]) -> bool:
    return array.ndim == 1 or array.shape[1] in _VECTOR_OR_MATRIX


def _find(arrays: Arrays, names: tuple[str, ...], what: str, path: Path) -> str:
    """The first of some names that there is.

    Raises:
        UsageError: There is none.
    """
    found = next((name for name in names if name in arrays), None)
    if found is None:
        held = ", ".join(sorted(arrays)[:_MOST_NAMES]) or "none"
        raise UsageError(f"{path}: no array of {what} ({', '.join(names)}); it has {held}")
    return found


def _shape_error(path: Path, name: str, array: npt.NDArray[Any], expected: str) -> UsageError:
    return UsageError(f'{path}: the array "{name}" is {array.dtype} {array.shape}; expected {expected}')
