"""Columns of numbers in text, as scanners and spreadsheets write them: with or without a header and a count."""

from __future__ import annotations

import io
import re
import warnings
from typing import NamedTuple

import numpy as np

from intertwine.data._sampling import Cloud, Floats, ShapeError
from intertwine.data.readers._columns import (
    Columns,
    color_labels,
    columns_to_labels,
    columns_to_normals,
    integer_labels,
    unit_normals,
)

_FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[-+]?\d)")
_NUMBER = re.compile(r"[-+]?(\d|\.\d)|[-+]?(nan|inf)", re.IGNORECASE)
_WIDTHS = (3, 4, 6, 7, 9, 10)


def is_header(line: str) -> bool:
    """Whether the line names columns, x, y and z among them, in either case, perhaps after a mark of a comment."""
    return {"x", "y", "z"} <= set(_names(line))


def read_text_cloud(content: bytes, *, scan: bool = False) -> Cloud:
    """Points, with normals, labels or colors, from a table in text.

    Columns are separated by blanks, tabs, commas or semicolons (then a comma may be the decimal point). A first line
    may be the number of points, followed by a line of remarks; a header names the columns, in any order: the only
    label is then a column "label", "class" or "part", else colors stand for labels. Without a header:

    ========  =====================================================================================================
    columns   meaning
    ========  =====================================================================================================
    3         x y z
    4         and a label, if all are whole numbers; else an intensity
    6         and normals (three columns of length 1), or colors, which are no labels
    7         and normals and a label; or r g b and a label; or intensity r g b (r g b whole numbers from 0 to 255)
    9         and normals and colors in either order; the colors stand for labels
    10        and normals and colors in either order and a label; or intensity r g b and normals
    ========  =====================================================================================================

    A scan (PTS, or any table whose first line is the number of points and has no remark after it) has no column of
    labels but after normals: the fourth is the intensity, and colors are colors.

    Args:
        content: The file.
        scan: Whether its name says that it is a PTS file.

    Raises:
        ShapeError: not a table of numbers, fewer rows than the first line says, or columns of no known meaning.
    """
    lines = content.decode("latin-1").splitlines()
    count, remarks, header, rows = _take_header(lines)
    table = _table("\n".join(rows))
    if count is not None and len(table) != count:
        raise ShapeError(f"cut short: its first line says {count:,} points, {len(table):,} follow")
    if header:
        return _from_names(header, table)
    return _from_places(table, scan or (count is not None and not remarks))


class _Beginning(NamedTuple):
    """What comes before the table, and its lines."""

    said: int | None
    """The number of points, where a first line says it."""
    remarks: int
    header: list[str]
    rows: list[str]


def _take_header(lines: list[str]) -> _Beginning:
    """The number of points, how many remarks, the names of the columns, where there are any, and the table."""
    count: int | None = None
    header: list[str] = []
    remarks = 0
    for at, line in enumerate(lines):
        if is_header(line):
            header = _names(line)
        elif line.strip() and not line.lstrip().startswith(("#", "//")):
            if count is None and not header and re.fullmatch(r"\s*[0-9]{1,18}\s*", line):
                count = int(line)
            elif count is not None and not remarks and not _NUMBER.match(line.strip()):
                remarks += 1
            else:
                return _Beginning(count, remarks, header, lines[at:])
    return _Beginning(count, remarks, header, [])


def _names(line: str) -> list[str]:
    words = re.split(r"[\s,;]+", line.strip().lstrip("#/").strip().lower())
    return [word.strip("\"'") for word in words if word]


def _table(text: str) -> Floats:
    delimiter = next((mark for mark in ";," if mark in text[:4096]), None)
    text = _FORTRAN.sub("e", text)
    if delimiter == ";":
        text = text.replace(",", ".")
    if delimiter:  # a separator at the end of a line is no column
        text = re.sub(rf"[ \t]*{delimiter}[ \t\r]*$", "", text, flags=re.MULTILINE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no data: said below
            table = np.loadtxt(io.StringIO(text), dtype=np.float64, delimiter=delimiter, comments=("#", "//"), ndmin=2)
    except ValueError as error:
        reason = str(error).splitlines()[0].partition(";")[0] if "columns changed" in str(error) else str(error)
        raise ShapeError(f"not columns of numbers ({reason.splitlines()[0][:100]})") from error
    if not table.size:
        raise ShapeError("no points")
    return table


def _from_names(names: list[str], table: Floats) -> Cloud:
    if len(names) != table.shape[1] or len(set(names)) < len(names):
        raise ShapeError(f"{table.shape[1]} columns under a header of {len(names)} names: {' '.join(names)[:60]}")
    columns: Columns = {name: table[:, k] for k, name in enumerate(names)}
    points = np.column_stack([columns[name] for name in "xyz"])
    return Cloud(points, columns_to_normals(columns), columns_to_labels(_bytes_as_integers(columns)))


def _bytes_as_integers(columns: Columns) -> Columns:
    """The columns, those of whole numbers beyond 1 as integers: a color from 0 to 255."""
    whole = {name: integer_labels(values) for name, values in columns.items()}
    bright = any(
        name in columns and bool((columns[name] > 1).any()) for name in ("red", "green", "blue", "r", "g", "b")
    )
    return {
        name: whole[name] if bright and whole[name] is not None else values  # type: ignore[misc]
        for name, values in columns.items()
    }


def _from_places(table: Floats, scan: bool) -> Cloud:
    width = table.shape[1]
    if width not in _WIDTHS:
        raise ShapeError(
            f"{width} columns; expected x y z, then three of normals and one of labels if there are any, "
            "or a header that names them"
        )
    points, extra = table[:, :3], table[:, 3:]
    if width in (7, 10) and _begins_with_intensity(extra, scan):
        return Cloud(points, unit_normals(extra[:, 4:]) if width == 10 else None, None)
    triples = [extra[:, start : start + 3] for start in range(0, width - 5, 3)]
    normals = [unit_normals(triple) for triple in triples]
    found = next((one for one in normals if one is not None), None)
    if scan and found is None:
        return Cloud(points, None, None)
    labels = integer_labels(table[:, -1]) if width % 3 == 1 else None
    if width == 9 and not scan:
        colors = next((triple for triple, one in zip(triples, normals, strict=True) if one is None), None)
        labels = color_labels(*colors.astype(np.int64).T) if colors is not None and _are_colors(colors) else None
    return Cloud(points, found, labels)


def _begins_with_intensity(extra: Floats, scan: bool) -> bool:
    """Whether columns after x y z are an intensity and r g b, rather than normals or r g b and a label."""
    if unit_normals(extra[:, :3]) is not None:
        return False
    if extra.shape[1] == 7:
        return unit_normals(extra[:, 3:6]) is None and unit_normals(extra[:, 4:]) is not None
    return scan or (_are_colors(extra[:, 1:4]) and not _are_colors(extra[:, :3]))


def _are_colors(triple: Floats) -> bool:
    """Whether all numbers are whole and from 0 to 255."""
    return bool(((triple >= 0) & (triple <= 255) & (np.rint(triple) == triple)).all())
