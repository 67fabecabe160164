"""Elements of a PLY file, in text or in bytes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from intertwine.data._sampling import ShapeError
from intertwine.data.readers.meshes._ply_binary import BinaryRows
from intertwine.data.readers.meshes._ply_header import (
    DeclaredElement,
    PlyElement,
    cast,
    collect,
    cut_short,
    parse_header,
)

_END = re.compile(rb"^[ \t]*end_header[ \t]*(\r\n|\n|\r)", re.MULTILINE)

_END_OF_OLD_MAC = re.compile(rb"\rend_header\r")


def read_ply_elements(content: bytes) -> list[PlyElement]:
    """Every element of the file, in its order.

    Raises:
        ShapeError: the header is not PLY's, or the rows are not what it announces.
    """
    end = _END.search(content) or _END_OF_OLD_MAC.search(content)
    if end is None:
        raise ShapeError('no line "end_header" after the header')
    order, declared = parse_header(content[: end.start()].decode("latin-1"))
    body = content[end.end() :]
    return _Text(body).elements(declared) if order == "" else BinaryRows(body, order).elements(declared)


class _Text:
    """Rows as numbers in text, an element's row a line."""

    def __init__(self, body: bytes) -> None:
        self.lines = [line for line in body.splitlines() if line.strip()]
        self.start = 0

    def elements(self, declared: list[DeclaredElement]) -> list[PlyElement]:
        result = [self._element(element) for element in declared]
        if self.start < len(self.lines):
            raise ShapeError(f"{len(self.lines) - self.start:,} lines more than the header announces")
        return result

    def _element(self, element: DeclaredElement) -> PlyElement:
        if not element.properties:
            return PlyElement(element.name, element.length, {}, {})
        lines = self.lines[self.start : self.start + element.length]
        if len(lines) < element.length:
            raise cut_short(element, len(lines))
        self.start += element.length
        try:
            rows = [list(map(float, line.split())) for line in lines]
        except ValueError as error:
            raise ShapeError(f'a row of "{element.name}" is not numbers ({str(error)[:60]})') from error
        if all(one.size_kind == "" for one in element.properties):
            return self._scalars(element, rows)
        return collect(element, self._row_parser(element, rows))

    def _scalars(self, element: DeclaredElement, rows: list[list[float]]) -> PlyElement:
        width = len(element.properties)
        for row in rows:
            if len(row) != width:
                raise ShapeError(f'a row of "{element.name}" has {len(row)} numbers; expected {width}')
        table = np.array(rows, dtype=np.float64).reshape(-1, width)
        names = enumerate(element.properties)
        return PlyElement(element.name, element.length, {one.name: cast(table[:, k], one) for k, one in names}, {})

    def _row_parser(self, element: DeclaredElement, rows: list[list[float]]) -> Callable[[int], list[list[float]]]:
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
