"""Atom lines of an XYZ frame that do not have the columns which its comment announces."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from intertwine.data.readers._xyz_dialects import PROPERTIES

_PLAIN = "species:S:1:pos:R:3"
_LONGEST = 60
_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "S": ("a word", str),
    "R": ("a number", float),
    "I": ("a whole number", int),
    "L": ("T or F", str),
}


class _Column(NamedTuple):
    """One column of the atoms."""

    title: str
    kind: str


def explain_atoms(text: str, line: int) -> str | None:
    r"""Describe the first atom line that cannot be read.

    Args:
        text: One frame: the number of atoms, the comment, the atoms.
        line: The number of its first line in the file, from 1.

    Returns:
        What was expected, what came and how to mend it; None where every line has its columns.

    >>> explain_atoms("2\n\nO 0 0 0\nH 0.9 0\n", 1)
    'line 4: expected 4 columns (symbol x y z), got 3: "H 0.9 0"; write the missing ones, or correct the line'
    """
    _, comment, *rows = text.split("\n")
    found = PROPERTIES.search(comment)
    columns = _columns(found[1] if found else _PLAIN)
    if columns is None:
        return None
    titles = " ".join(column.title for column in columns)
    expected = f"{len(columns)} columns ({titles}{', as Properties says' if found else ''})"
    for number, row in enumerate(rows, line + 2):
        words = row.split()
        if not words:
            continue
        shown = row.strip() if len(row.strip()) <= _LONGEST else f"{row.strip()[:_LONGEST]}.."
        if len(words) < len(columns):
            mend = "write the missing ones, or correct the line"
            return f'line {number}: expected {expected}, got {len(words)}: "{shown}"; {mend}'
        for column, word in zip(columns, words, strict=False):
            what, read = _READERS[column.kind]
            try:
                read(word)
            except ValueError:
                return (
                    f'line {number}: expected {what} in the column {column.title}, got "{word[:_LONGEST]}": "{shown}"'
                )
    return None


def _columns(properties: str) -> list[_Column] | None:
    """The columns of name:kind:width:name:kind:width..; None where it is something else."""
    words = properties.split(":")
    if len(words) % 3:
        return None
    columns = []
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=True):
        if kind not in _READERS or not (width.isascii() and width.isdigit() and 0 < len(width) < 4):
            return None
        titles = {"species": ["symbol"], "pos": ["x", "y", "z"]}.get(name.lower(), [])
        if len(titles) != int(width):
            titles = [name] if int(width) == 1 else [f"{name}[{k}]" for k in range(1, int(width) + 1)]
        columns += [_Column(title, kind) for title in titles]
    return columns
