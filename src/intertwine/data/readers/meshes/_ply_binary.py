"""Rows of a PLY file in bytes of either order."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Integers, ShapeError
from intertwine.data.readers.meshes._ply_header import DeclaredElement, ListColumn, PlyElement, collect, cut_short


class BinaryRows:
    """Rows as bytes."""

    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.start = body, order, 0

    def elements(self, declared: list[DeclaredElement]) -> list[PlyElement]:
        result = [self._element(element) for element in declared]
        if self.body[self.start :].strip(b"\0\r\n \t"):
            raise ShapeError(f"{len(self.body) - self.start:,} bytes more than the header announces")
        return result

    def _element(self, element: DeclaredElement) -> PlyElement:
        least = sum(np.dtype(one.size_kind or one.kind).itemsize for one in element.properties)
        left = len(self.body) - self.start
        if least * element.length > left:
            raise cut_short(element, left // least)
        if not least:
            return PlyElement(element.name, element.length, {}, {})
        fixed = self._fixed(element, self._first_sizes(element))
        if fixed is not None:
            return fixed
        if sum(one.size_kind != "" for one in element.properties) == 1:
            return self._one_list(element)
        return collect(element, lambda number: self._row(element, number))

    def _first_sizes(self, element: DeclaredElement) -> list[int]:
        """The sizes of the first row's lists, without moving on."""
        if not element.length:
            return []
        start = self.start
        row = self._row(element, 0)
        sizes = [len(values) for one, values in zip(element.properties, row, strict=True) if one.size_kind]
        self.start = start
        return sizes

    def _fixed(self, element: DeclaredElement, sizes: list[int]) -> PlyElement | None:
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
        if row.itemsize * element.length > len(self.body) - self.start:
            return None
        table = np.frombuffer(self.body, row, element.length, self.start)
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
        self.start += row.itemsize * element.length
        return PlyElement(element.name, element.length, columns, lists)

    def _one_list(self, element: DeclaredElement) -> PlyElement:
        """The element whose rows have one list, of several sizes, and are else alike."""
        at = next(k for k, one in enumerate(element.properties) if one.size_kind)
        one = element.properties[at]
        size_bytes, item = np.dtype(one.size_kind).itemsize, np.dtype(self.order + one.kind)
        scalars = [np.dtype(other.kind).itemsize for other in element.properties if not other.size_kind]
        offsets = np.cumsum([0, *scalars])
        before = int(offsets[at])
        starts, lengths = self._walk(element, before, one.size_kind, size_bytes + int(offsets[-1]), item.itemsize)
        data = np.frombuffer(self.body, np.uint8)
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values = _gather(data, np.repeat(starts + before + size_bytes, lengths) + within * item.itemsize, item)
        columns = {}
        for k, other in enumerate(element.properties):
            if k != at:
                place = starts + int(offsets[k if k < at else k - 1])
                place = place + size_bytes + lengths * item.itemsize if k > at else place
                columns[other.name] = _gather(data, place, np.dtype(self.order + other.kind))
        return PlyElement(element.name, element.length, columns, {one.name: ListColumn(lengths, values)})

    def _walk(
        self, element: DeclaredElement, before: int, size_kind: str, around: int, item_bytes: int
    ) -> tuple[Integers, Integers]:
        """Where each row starts, and the size of its list, which stands `before` bytes into it."""
        order: Literal["little", "big"] = "little" if self.order == "<" else "big"
        size_bytes, signed = np.dtype(size_kind).itemsize, size_kind[0] == "i"
        starts, sizes = np.zeros(element.length, np.int64), np.zeros(element.length, np.int64)
        for number in range(element.length):
            at = self.start + before
            size = int.from_bytes(self.body[at : at + size_bytes], order, signed=signed)
            starts[number] = self.start
            self.start += around + size * item_bytes
            if self.start > len(self.body) or size < 0:
                raise cut_short(element, number)
            sizes[number] = size
        return starts, sizes

    def _row(self, element: DeclaredElement, number: int) -> list[Any]:
        result = []
        for one in element.properties:
            size = 1
            if one.size_kind:
                size = int(self._take(element, number, one.size_kind, 1)[0])
            if size < 0:
                raise ShapeError(f'row {number + 1} of "{element.name}" has a list of {size} numbers')
            result.append(self._take(element, number, one.kind, size))
        return result

    def _take(self, element: DeclaredElement, number: int, kind: str, size: int) -> npt.NDArray[Any]:
        item = np.dtype(self.order + kind)
        if self.start + size * item.itemsize > len(self.body):
            raise cut_short(element, number)
        values = np.frombuffer(self.body, item, size, self.start)
        self.start += size * item.itemsize
        return values


def _gather(data: npt.NDArray[np.uint8], places: Integers, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """The numbers of this type whose bytes begin at these places."""
    values = np.ascontiguousarray(data[places[:, None] + np.arange(kind.itemsize)]).view(kind)[:, 0]
    return values.astype(kind.newbyteorder("="))
