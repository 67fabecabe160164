"""Elements of a PLY file: the header, and the rows in text or in bytes of either order."""

from __future__ import annotations

import re
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
_END = re.compile(rb"^[ \t]*end_header[ \t]*(\r\n|\n|\r)", re.MULTILINE)

_END_OF_OLD_MAC = re.compile(rb"\rend_header\r")


class ListColumn(NamedTuple):
    """A list for each row: sizes (rows,), and all values one after the other."""

    sizes: Integers
    values: npt.NDArray[Any]


class PlyElement(NamedTuple):
    """One element: its rows by the lower-case name of the property."""

    name: str
    count: int
    columns: dict[str, npt.NDArray[Any]]
    lists: dict[str, ListColumn]


class _Property(NamedTuple):
    name: str
    kind: str
    size_kind: str = ""
    """The type of a list's size; "" when the property is one number."""


class _Declared(NamedTuple):
    name: str
    count: int
    properties: list[_Property]


def read_ply_elements(content: bytes) -> list[PlyElement]:
    """Every element of the file, in its order.

    Raises:
        ShapeError: the header is not PLY's, or the rows are not what it announces.
    """
    end = _END.search(content) or _END_OF_OLD_MAC.search(content)
    if end is None:
        raise ShapeError('no line "end_header" after the header')
    order, declared = _parse_header(content[: end.start()].decode("latin-1"))
    body = content[end.end() :]
    return _Text(body).elements(declared) if order == "" else _Binary(body, order).elements(declared)


def _parse_header(text: str) -> tuple[str, list[_Declared]]:
    order: str | None = None
    elements: list[_Declared] = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = _FORMATS[words[1]]
            elif words[0] == "element":
                elements.append(_Declared(words[1], int(words[2]), []))
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
        if element.count < 0 or len(set(names)) < len(names):
            raise ShapeError(f'the header repeats a property of "{element.name}", or its count is negative')
    if len({element.name for element in elements}) < len(elements):
        raise ShapeError("the header repeats an element")
    return order, elements


def _property(words: list[str]) -> _Property:
    if words[0] == "list":
        _, size_kind, kind, name = words
        if _TYPES[size_kind][0] == "f":
            raise ValueError
        return _Property(name.lower(), _TYPES[kind], _TYPES[size_kind])
    kind, name = words
    return _Property(name.lower(), _TYPES[kind])


def _cut_short(element: _Declared, found: int) -> ShapeError:
    return ShapeError(f'cut short: {found:,} of {element.count:,} rows of "{element.name}"')


class _Text:
    """Rows as numbers in text, an element's row a line."""

    def __init__(self, body: bytes) -> None:
        self.lines = [line for line in body.splitlines() if line.strip()]
        self.start = 0

    def elements(self, declared: list[_Declared]) -> list[PlyElement]:
        result = [self._element(element) for element in declared]
        if self.start < len(self.lines):
            raise ShapeError(f"{len(self.lines) - self.start:,} lines more than the header announces")
        return result

    def _element(self, element: _Declared) -> PlyElement:
        if not element.properties:
            return PlyElement(element.name, element.count, {}, {})
        lines = self.lines[self.start : self.start + element.count]
        if len(lines) < element.count:
            raise _cut_short(element, len(lines))
        self.start += element.count
        try:
            rows = [list(map(float, line.split())) for line in lines]
        except ValueError as error:
            raise ShapeError(f'a row of "{element.name}" is not numbers ({str(error)[:60]})') from error
        if all(one.size_kind == "" for one in element.properties):
            return self._scalars(element, rows)
        return _collect(element, self._row_parser(element, rows))

    def _scalars(self, element: _Declared, rows: list[list[float]]) -> PlyElement:
        width = len(element.properties)
        for row in rows:
            if len(row) != width:
                raise ShapeError(f'a row of "{element.name}" has {len(row)} numbers; expected {width}')
        table = np.array(rows, dtype=np.float64).reshape(-1, width)
        names = enumerate(element.properties)
        return PlyElement(element.name, element.count, {one.name: _cast(table[:, k], one) for k, one in names}, {})

    def _row_parser(self, element: _Declared, rows: list[list[float]]) -> Callable[[int], list[list[float]]]:
        def parse(number: int) -> list[list[float]]:
            row, at, result = rows[number], 0, []
            for one in element.properties:
                size = 1
                if one.size_kind:
                    size = int(row[at]) if at < len(row) and 0 <= row[at] <= len(row) else -1
                    at += 1
                result.append(row[at : at + size])
                if size < 0 or len(result[-1]) != size:
                    raise ShapeError(f'row {number + 1} of "{element.name}" has too few numbers')
                at += size
            if at != len(row):
                raise ShapeError(f'row {number + 1} of "{element.name}" has too many numbers')
            return result

        return parse


class _Binary:
    """Rows as bytes."""

    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.start = body, order, 0

    def elements(self, declared: list[_Declared]) -> list[PlyElement]:
        result = [self._element(element) for element in declared]
        if self.body[self.start :].strip(b"\0\r\n \t"):
            raise ShapeError(f"{len(self.body) - self.start:,} bytes more than the header announces")
        return result

    def _element(self, element: _Declared) -> PlyElement:
        least = sum(np.dtype(one.size_kind or one.kind).itemsize for one in element.properties)
        left = len(self.body) - self.start
        if least * element.count > left:
            raise _cut_short(element, left // least)
        if not least or not element.count:
            return PlyElement(element.name, element.count, {}, {}) if not least else self._fixed(element, [])
        sizes = self._first_sizes(element)
        return self._fixed(element, sizes) or _collect(element, lambda number: self._row(element, number))

    def _first_sizes(self, element: _Declared) -> list[int]:
        """The sizes of the first row's lists, without moving on."""
        start = self.start
        row = self._row(element, 0)
        sizes = [len(values) for one, values in zip(element.properties, row, strict=True) if one.size_kind]
        self.start = start
        return sizes

    def _fixed(self, element: _Declared, sizes: list[int]) -> PlyElement | None:
        """The element if every row has lists of these sizes, else None."""
        rest = iter(sizes)
        fields: list[Any] = []
        for k, one in enumerate(element.properties):
            if one.size_kind:
                fields.append((f"size{k}", self.order + one.size_kind))
                fields.append((f"list{k}", self.order + one.kind, (next(rest, 0),)))
            else:
                fields.append((f"list{k}", self.order + one.kind))
        row = np.dtype(fields)
        if row.itemsize * element.count > len(self.body) - self.start:
            return None
        table = np.frombuffer(self.body, row, element.count, self.start)
        columns, lists = {}, {}
        for k, one in enumerate(element.properties):
            values = table[f"list{k}"]
            values = values.astype(values.dtype.newbyteorder("="))
            if one.size_kind:
                if (table[f"size{k}"] != values.shape[1]).any():
                    return None
                lists[one.name] = ListColumn(table[f"size{k}"].astype(np.int64), values.reshape(-1))
            else:
                columns[one.name] = values
        self.start += row.itemsize * element.count
        return PlyElement(element.name, element.count, columns, lists)

    def _row(self, element: _Declared, number: int) -> list[Any]:
        result = []
        for one in element.properties:
            size = 1
            if one.size_kind:
                size = int(self._take(element, number, one.size_kind, 1)[0])
            if size < 0:
                raise ShapeError(f'row {number + 1} of "{element.name}" has a list of {size} numbers')
            result.append(self._take(element, number, one.kind, size))
        return result

    def _take(self, element: _Declared, number: int, kind: str, size: int) -> npt.NDArray[Any]:
        item = np.dtype(self.order + kind)
        if self.start + size * item.itemsize > len(self.body):
            raise _cut_short(element, number)
        values = np.frombuffer(self.body, item, size, self.start)
        self.start += size * item.itemsize
        return values


def _collect(element: _Declared, row: Callable[[int], list[Any]]) -> PlyElement:
    """The element from a function that gives each property's values in a row."""
    rows = [row(number) for number in range(element.count)]
    columns, lists = {}, {}
    for k, one in enumerate(element.properties):
        values = np.concatenate([np.asarray(row[k], dtype=np.float64) for row in rows] or [np.zeros(0)])
        if one.size_kind:
            lists[one.name] = ListColumn(np.array([len(row[k]) for row in rows], dtype=np.int64), _cast(values, one))
        else:
            columns[one.name] = _cast(values, one)
    return PlyElement(element.name, element.count, columns, lists)


def _cast(values: npt.NDArray[Any], one: _Property) -> npt.NDArray[Any]:
    """Numbers as the property's type, integers as int64; whole numbers that are not whole stay as they are."""
    if one.kind[0] == "f":
        return values.astype(np.float64)
    whole = bool((np.isfinite(values) & (np.abs(values) < 1 << 62)).all()) and bool((np.rint(values) == values).all())
    return values.astype(np.int64) if whole else values
