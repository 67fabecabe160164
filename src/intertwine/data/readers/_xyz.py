"""Frames of an (extended) XYZ file as text, one at a time.

ase's own reader first makes an index of the whole file, and takes a blank line for its end; here nothing is kept and
nothing is dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from intertwine._errors import UsageError
from intertwine._regular_files import irregular
from intertwine.data.readers._xyz_dialects import standard_atoms, standard_comment

_WORDS_OF_QM9, _LINES_AFTER_QM9 = 17, 3
"""QM9's own files: words of the comment; frequencies, SMILES and InChI after the atoms."""


class XyzFrame(NamedTuple):
    """One frame of a file."""

    text: str
    """The number of atoms, the comment, the atoms."""
    line: int
    """The number of its first line, from 1."""


def read_xyz_frames(path: Path, report: Callable[[int], None]) -> Iterator[XyzFrame]:
    """Each frame of the file. Memory: one frame.

    Dialects are rewritten as by `standard_atoms`.

    Args:
        path: the file, UTF-8.
        report: called with the bytes that have been read, after each frame.

    Raises:
        UsageError: it is not text, a frame does not begin with a number of atoms, has none, or has fewer than it says.
    """
    frame, at = 0, 0
    if reason := irregular(path):
        raise UsageError(f"{path} is {reason}")
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig") as file:
            for line in file:
                at += 1
                if not line.strip():
                    continue
                if frame and line.split()[0].upper().startswith("VEC"):
                    raise UsageError(
                        f"{path}, frame {frame}: periodic cells are not read from lines VEC1 ...; write them into the "
                        'comment, as Lattice="..."'
                    )
                frame += 1
                atoms = _number_of_atoms(line, f"{path}, frame {frame}")
                comment = next(file, "")
                lines = list(islice(file, min(atoms, sys.maxsize)))
                found = sum(1 for _ in takewhile(str.strip, lines))
                if found < atoms:
                    raise UsageError(
                        f"{path}, frame {frame}: it says {atoms} atoms, but only {found} follow: is the file whole?"
                    )
                of_qm9 = comment.startswith("gdb ") and len(comment.split()) == _WORDS_OF_QM9
                rest = len(list(islice(file, _LINES_AFTER_QM9))) if of_qm9 else 0
                yield XyzFrame("".join([line, standard_comment(comment), *standard_atoms(lines, comment)]), at)
                at += 1 + len(lines) + rest
                report(raw.tell())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}, after frame {frame}: this is not a text file in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _number_of_atoms(line: str, location: str) -> int:
    try:
        atoms = int(line)
    except ValueError:
        shown = line.strip()[:40]
        raise UsageError(f'{location}: expected a line with the number of atoms, found "{shown}"') from None
    if atoms < 1:
        raise UsageError(f"{location}: a structure needs at least one atom, this one has {atoms}")
    return atoms
