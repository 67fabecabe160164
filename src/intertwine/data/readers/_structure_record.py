"""Structures of a user's file: read by ase, checked, and reduced to what is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine.data._elements import CHEMICAL_SYMBOLS
from intertwine.data.readers._xyz import read_xyz_frames

if TYPE_CHECKING:
    from intertwine.reps import Rep

XYZ_SUFFIXES = (".xyz", ".extxyz")
_PER_ATOM = ("forces", "stresses", "charges", "magmoms", "energies", "born_effective_charges")
_MAX_KEYS = 12


class StructureRecord(NamedTuple):
    """numbers (n,), positions (n, 3) in Angstrom, targets name -> (d,), the name of the file, a number from 1."""

    numbers: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    targets: dict[str, npt.NDArray[np.float64]]
    file: str
    number: int


def read_records(path: Path, targets: Mapping[str, Rep], report: Callable[[int], None]) -> Iterator[StructureRecord]:
    """The structures of one file, one at a time.

    Args:
        path: an existing file.
        targets: what to look up in each, and its representation.
        report: called with the bytes of the file that have been read.

    Raises:
        UsageError: the file is empty, or a frame is not what it must be; the message names file and frame.
    """
    number = 0
    is_xyz = path.suffix.lower() in XYZ_SUFFIXES
    for atoms in _read_xyz(path, report) if is_xyz else _read_with_ase(path):
        number += 1
        yield _record(atoms, targets, path, number)
    if not number:
        raise UsageError(f"{path} holds no structures: it is {'blank' if path.stat().st_size else 'empty'}")
    report(path.stat().st_size)


def _read_xyz(path: Path, report: Callable[[int], None]) -> Iterator[Any]:
    from ase.io import read

    for number, text in enumerate(read_xyz_frames(path, report), 1):
        try:
            yield read(StringIO(text), index=0, format="extxyz")
        except Exception as error:  # ase raises what it meets: KeyError, ValueError, IndexError, OSError ...
            if isinstance(error, KeyError) and error.args and error.args[0] not in CHEMICAL_SYMBOLS:
                raise UsageError(f'{path}, frame {number}: unknown element "{error.args[0]}"') from error
            raise UsageError(f"{path}, frame {number}: cannot be read: {_brief(error)}") from error


def _read_with_ase(path: Path) -> Iterator[Any]:
    from ase.io import iread

    if not path.stat().st_size:
        return
    number = 0
    try:
        for atoms in iread(path, index=":", do_not_split_by_at_sign=True):
            number += 1
            yield atoms
    except Exception as error:
        location = f"{path}, frame {number + 1}" if number else str(path)
        raise UsageError(f"{location}: ase cannot read this: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__


def _record(atoms: Any, targets: Mapping[str, Rep], path: Path, number: int) -> StructureRecord:
    location = f"{path}, frame {number}"
    numbers = np.asarray(atoms.numbers, dtype=np.int64)
    positions = np.array(atoms.positions, dtype=np.float64)
    if not len(numbers):
        raise UsageError(f"{location}: a structure needs at least one atom, this one has none")
    if np.any(atoms.pbc):
        raise UsageError(
            f'{location}: periodic cells are not supported yet; for a molecule in a box write pbc="F F F" '
            "beside Lattice (in ase: atoms.pbc = False)"
        )
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
    values = {name: _target(atoms, name, rep, location) for name, rep in targets.items()}
    return StructureRecord(numbers, positions, values, path.name, number)


def _target(atoms: Any, name: str, rep: Rep, location: str) -> npt.NDArray[np.float64]:
    """A frame's value: from `atoms.info`, else from the results that came with the file; nothing is calculated."""
    results = dict(getattr(atoms.calc, "results", None) or {})
    known = {
        key: value for key, value in {**results, **atoms.info}.items() if key not in _PER_ATOM or key in atoms.info
    }
    if name not in known:
        if name in results or name in atoms.arrays:
            raise UsageError(f'{location}: "{name}" is given per atom; a target is one value per structure')
        raise UsageError(f'{location}: no target "{name}"; {_known_targets(name, list(known))}')
    value = np.asarray(known[name])
    if value.dtype.kind not in "iuf":
        raise UsageError(f'{location}: target "{name}" is not numeric: {str(known[name])[:40]}')
    shape = tuple(length for length in value.shape if length != 1)
    if value.size != rep.dim or not (len(shape) < 2 or shape == (3, 3)):
        came = "one number" if not shape else f"shape {shape}" if len(shape) > 1 else f"{shape[0]} numbers"
        raise UsageError(
            f'{location}: target "{name}" as {rep} has {rep.dim} component{"s"[: rep.dim - 1]}, the file has {came}'
        )
    if not np.isfinite(value).all():
        raise UsageError(
            f'{location}: target "{name}" is not finite: {" ".join(f"{number:g}" for number in value.flat)}'
        )
    return value.astype(np.float64).reshape(-1)


def _known_targets(name: str, keys: list[str]) -> str:
    if not keys:
        return "this frame has none at all"
    close = get_close_matches(name, keys, 1)
    question = f'did you mean "{close[0]}"? ' if close else ""
    more = f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else ""
    return f"{question}this frame has {', '.join(sorted(keys)[:_MAX_KEYS])}{more}"
