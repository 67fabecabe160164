"""Structures of a file as ase's Atoms, checked, with everything that the file says of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data.readers._structure_record import atoms_of_file, check_atoms
from intertwine.data.readers._structures import structure_files


class CheckedAtoms(NamedTuple):
    """One frame of a file.

    atoms: ase's Atoms: elements that exist, finite coordinates, no two atoms in one place, independent lattice vectors
    in periodic directions; with their info, arrays and results; file: its name; number: from 1; location: path and
    frame, for messages.
    """

    atoms: Any
    file: str
    number: int
    location: str


def iter_atoms(path: str | os.PathLike[str], *, progress: ProgressCallback = no_progress) -> Iterator[CheckedAtoms]:
    """Every frame of a file, or of the .xyz and .extxyz files of a folder, one at a time. Periodic cells are allowed.

    Args:
        path: As for `read_structures`.
        progress: Called with (bytes read, bytes in all).

    Raises:
        UsageError: The file is missing, empty or not readable, or a frame is not what it must be.
    """
    if find_spec("ase") is None:
        raise UsageError('files of structures are read by the Python package ase: pip install "intertwine[atoms]"')
    files = structure_files(Path(path))
    sizes = [file.stat().st_size for file in files]
    total, before = sum(sizes), 0
    for file, size in zip(files, sizes, strict=True):

        def report(done: int, before: int = before) -> None:
            progress(before + done, total)

        for number, atoms in enumerate(atoms_of_file(file, report), 1):
            location = f"{file}, frame {number}"
            check_atoms(atoms, location)
            yield CheckedAtoms(atoms, file.name, number, location)
        before += size
