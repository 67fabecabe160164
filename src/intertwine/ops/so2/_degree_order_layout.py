"""Where a chunk's components are worked on: by degree, to be rotated, and by order m, to be mixed.

Both are flat memory, cut into one contiguous part for each strand or group; one ``index_select`` sorts one into the
other. Everything is made once for each number of edges and used again by all chunks that have as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.so2._so2_coupling import EdgeLayout, FrameBlock, Place, SO2Coupling, edge_layout

Rows = list[tuple[int, int, int]]  # a row of part p stands at a + b e + c rows, a counted in edges


class _Plan(NamedTuple):
    """One side of a coupling, input or output, counted in rows of ``unit`` numbers.

    Attributes:
        unit: The largest number that divides all channels.
        size: Numbers for each edge.
        degrees: For each strand, components and channels.
        orders: For each group, 1 or 2 and channels.
        to_orders: For each group, where its rows are by degree.
        to_degrees: For each strand, where its rows are by order; the row after the last where they are nowhere.
    """

    unit: int
    size: int
    degrees: tuple[tuple[int, int], ...]
    orders: tuple[tuple[int, int], ...]
    to_orders: list[Rows]
    to_degrees: list[Rows]


@lru_cache(maxsize=256)
def _plan(coupling: SO2Coupling, output: bool) -> _Plan:
    where = edge_layout(coupling)
    strands, places = (where.outputs, where.outputs_at) if output else (where.inputs, where.inputs_at)
    unit = gcd(*(strand.channels for strand in strands)) or 1
    degrees = tuple((2 * len(place) - 1, strand.channels) for strand, place in zip(strands, places, strict=True))
    orders = tuple((2 if group.m else 1, group.shape[1 if output else 0]) for group in where.groups)
    to_orders, to_degrees = _to_orders(where, output, degrees, unit), _to_degrees(strands, places, orders, unit)
    size = max(sum(width * channels for width, channels in parts) for parts in (degrees, orders))
    return _Plan(unit, size, degrees, orders, to_orders, to_degrees)


def _starts(parts: Sequence[tuple[int, int]], unit: int) -> list[int]:
    """Rows for each edge before each part, and in all."""
    starts = [0]
    for width, channels in parts:
        starts.append(starts[-1] + width * channels // unit)
    return starts


def _to_orders(where: EdgeLayout, output: bool, degrees: Sequence[tuple[int, int]], unit: int) -> list[Rows]:
    starts, result = _starts(degrees, unit), []
    for group in where.groups:
        rows: Rows = []
        for component in (2 * group.m - 1, 2 * group.m) if group.m else (0,):
            for i in group.outputs if output else group.inputs:
                width, channels = degrees[i]
                first = component * channels // unit
                rows += [(starts[i], width * channels // unit, first + j) for j in range(channels // unit)]
        result.append(rows)
    return result


def _to_degrees(
    strands: Sequence[FrameBlock], places: Sequence[Sequence[Place]], orders: Sequence[tuple[int, int]], unit: int
) -> list[Rows]:
    starts, result = _starts(orders, unit), []
    for strand, at in zip(strands, places, strict=True):
        rows: Rows = []
        for m, place in enumerate(at):
            for component in range(2 if m else 1):
                if place is None:
                    rows += [(starts[-1], 0, 0)] * (strand.channels // unit)
                    continue
                group, columns = place
                width, channels = orders[group]
                first = (component * channels + columns.start) // unit
                rows += [(starts[group], width * channels // unit, first + j) for j in range(strand.channels // unit)]
        result.append(rows)
    return result


def _index(parts: list[Rows], edges: Tensor) -> Tensor:
    """Where the rows of all parts are, for some edges 0, 1, 2 .."""
    found = []
    for rows in parts:
        before, step, place = torch.tensor(rows, dtype=torch.int64, device=edges.device).reshape(-1, 3).T
        found.append((edges[:, None] * step + (before * edges.shape[0] + place)).flatten())
    return torch.cat(found) if found else edges[:0]


@lru_cache(maxsize=16)
def _indices(coupling: SO2Coupling, output: bool, edges: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of ``to_orders`` and ``to_degrees``."""
    plan, numbers = _plan(coupling, output), torch.arange(edges, device=device)
    return _index(plan.to_orders, numbers), _index(plan.to_degrees, numbers)


class Side:
    """One side of a chunk of edges."""

    def __init__(self, coupling: SO2Coupling, output: bool, edges: int, device: torch.device) -> None:
        self._plan = _plan(coupling, output)
        self._edges = edges
        self._to_orders, self._to_degrees = _indices(coupling, output, edges, device)

    @property
    def size(self) -> int:
        """How many numbers a room must hold: those of the edges, and a row of zeros."""
        return self._edges * self._plan.size + self._plan.unit

    def degrees(self, room: Tensor) -> list[Tensor]:
        """``(e, frame components, channels)`` for each strand: views of a room."""
        return self._views(room, self._plan.degrees)

    def orders(self, room: Tensor) -> list[Tensor]:
        """``(e, 1 or 2, channels)`` for each group: views of a room."""
        return self._views(room, self._plan.orders)

    def by_order(self, room: Tensor, out: Tensor) -> None:
        """Sort what stands by degree in one room by order into another."""
        self._select(room, self._to_orders, out)

    def by_degree(self, room: Tensor, out: Tensor) -> None:
        """The inverse; zero where no group has the component."""
        unit, end = self._plan.unit, self._edges * sum(width * channels for width, channels in self._plan.orders)
        room[end : end + unit] = 0
        self._select(room, self._to_degrees, out)

    def _select(self, room: Tensor, index: Tensor, out: Tensor) -> None:
        unit = self._plan.unit
        rows = room[: room.shape[0] // unit * unit].view(-1, unit)
        torch.index_select(rows, 0, index, out=out[: index.shape[0] * unit].view(-1, unit))

    def _views(self, room: Tensor, parts: Sequence[tuple[int, int]]) -> list[Tensor]:
        views, start = [], 0
        for width, channels in parts:
            stop = start + self._edges * width * channels
            views.append(room[start:stop].view(self._edges, width, channels))
            start = stop
        return views
