"""Header of a PLY file: its elements and their properties, and a column of each when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Integers, ShapeError

_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float32": "f4",
    "float64": "f8",
}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


class ListColumn(NamedTuple):
    """A list for each row: sizes (rows,), and all values one after the other."""

    sizes: Integers
    values: npt.NDArray[Any]


class PlyElement(NamedTuple):
    """One element: its rows by the lower-case name of the property."""

    name: str
    length: int
    columns: dict[str, npt.NDArray[Any]]
    lists: dict[str, ListColumn]


class PlyProperty(NamedTuple):
    name: str
    kind: str
    size_kind: str = ""
    """The type of a list's size; "" when the property is one number."""


class DeclaredElement(NamedTuple):
    name: str
    length: int
    properties: list[PlyProperty]


def parse_header(text: str) -> tuple[str, list[DeclaredElement]]:
    order: str | None = None
    elements: list[DeclaredElement] = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = _FORMATS[words[1]]
            elif words[0] == "element":
                elements.append(DeclaredElement(words[1], int(words[2]), []))
            elif words[0] == "property":
                elements[-1].properties.append(_property(words[1:]))
            else:
                raise KeyError
        except (KeyError, IndexError, ValueError):
            raise ShapeError(f'the header has the line "{line.strip()[:40]}", which is not PLY') from None
    if order is None:
        raise ShapeError("the header names no format")
    for element in elements:
        names = [one.name for one in element.properties]
        if element.length < 0 or len(set(names)) < len(names):
            raise ShapeError(f'the header repeats a property of "{element.name}", or its count is negative')
    if len({element.name for element in elements}) < len(elements):
        raise ShapeError("the header repeats an element")
    return order, elements


def _property(words: list[str]) -> PlyProperty:
    if words[0] == "list":
        _, size_kind, kind, name = words
        if _TYPES[size_kind][0] == "f":
            raise ValueError
        return PlyProperty(name.lower(), _TYPES[kind], _TYPES[size_kind])
    kind, name = words
    return PlyProperty(name.lower(), _TYPES[kind])


def cut_short(element: DeclaredElement, found: int) -> ShapeError:
    return ShapeError(f'cut short: {found:,} of {element.length:,} rows of "{element.name}"')


def collect(element: DeclaredElement, row: Callable[[int], list[Any]]) -> PlyElement:
    """The element from a function that gives each property's values in a row."""
    rows = [row(number) for number in range(element.length)]
    columns, lists = {}, {}
    for k, one in enumerate(element.properties):
        values = np.concatenate([np.asarray(row[k], dtype=np.float64) for row in rows] or [np.zeros(0)])
        if one.size_kind:
            lists[one.name] = ListColumn(np.array([len(row[k]) for row in rows], dtype=np.int64), cast(values, one))
        else:
            columns[one.name] = cast(values, one)
    return PlyElement(element.name, element.length, columns, lists)


def cast(values: npt.NDArray[Any], one: PlyProperty) -> npt.NDArray[Any]:
    """Numbers as the property's type, integers as int64; whole numbers that are not whole stay as they are."""
    if one.kind[0] == "f":
        return values.astype(np.float64)
    whole = bool((np.isfinite(values) & (np.abs(values) < 1 << 62)).all()) and bool((np.rint(values) == values).all())
    return values.astype(np.int64) if whole else values
