"""Degree layout and order layout of the components in the frames of a chunk of edges.

In the degree layout the components of one frame block are contiguous, as rotations need them; in the order layout those
of one order m are, as the linear maps need them. Both are flat buffers; one ``index_select`` of rows sorts one into the
other. The indices are computed once for each number of edges and shared by all chunks that have as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.so2._so2_coupling import FrameBlock, OrderChannels, SO2Coupling, SO2Layout, so2_layout

# Row r of a part, for edge e of E: source row (before E + step e + offset), as (before, step, offset).
RowIndex = list[tuple[int, int, int]]
BlockShape = tuple[int, int]  # components and channels of a block


class _RowPlan(NamedTuple):
    """Both layouts of the inputs or outputs of a coupling, counted in rows of ``row_size`` numbers.

    Attributes:
        row_size: The greatest common divisor of all channels.
        numbers_per_edge: Of the larger layout.
        degree_shapes: For each frame block, components and channels.
        order_shapes: For each order block, 1 or 2 components and channels.
        to_orders: For each order block, its rows in the degree layout.
        to_degrees: For each frame block, its rows in the order layout; the row after the last where there are none.
    """

    row_size: int
    numbers_per_edge: int
    degree_shapes: tuple[BlockShape, ...]
    order_shapes: tuple[BlockShape, ...]
    to_orders: list[RowIndex]
    to_degrees: list[RowIndex]


@lru_cache(maxsize=256)
def _row_plan(coupling: SO2Coupling, output: bool) -> _RowPlan:
    layout = so2_layout(coupling)
    frames = layout.outputs if output else layout.inputs
    channels = layout.output_channels if output else layout.input_channels
    row_size = gcd(*(frame.channels for frame in frames)) or 1
    degree_shapes = tuple((2 * len(at) - 1, frame.channels) for frame, at in zip(frames, channels, strict=True))
    order_shapes = tuple((2 if block.m else 1, block.shape[1 if output else 0]) for block in layout.orders)
    size = max(sum(dim * count for dim, count in shapes) for shapes in (degree_shapes, order_shapes))
    to_orders = _to_orders(layout, output, degree_shapes, row_size)
    to_degrees = _to_degrees(frames, channels, order_shapes, row_size)
    return _RowPlan(row_size, size, degree_shapes, order_shapes, to_orders, to_degrees)


def _starts(shapes: Sequence[BlockShape], row_size: int) -> list[int]:
    """Rows of each edge before each block, and of all blocks."""
    starts = [0]
    for dim, channels in shapes:
        starts.append(starts[-1] + dim * channels // row_size)
    return starts


def _to_orders(layout: SO2Layout, output: bool, degree_shapes: Sequence[BlockShape], row_size: int) -> list[RowIndex]:
    starts, result = _starts(degree_shapes, row_size), []
    for block in layout.orders:
        rows: RowIndex = []
        for component in (2 * block.m - 1, 2 * block.m) if block.m else (0,):
            for i in block.outputs if output else block.inputs:
                dim, channels = degree_shapes[i]
                first = component * channels // row_size
                rows += [(starts[i], dim * channels // row_size, first + j) for j in range(channels // row_size)]
        result.append(rows)
    return result


def _to_degrees(
    frames: Sequence[FrameBlock],
    order_channels: Sequence[Sequence[OrderChannels | None]],
    order_shapes: Sequence[BlockShape],
    row_size: int,
) -> list[RowIndex]:
    starts, result = _starts(order_shapes, row_size), []
    for frame, at in zip(frames, order_channels, strict=True):
        rows: RowIndex = []
        num_rows = frame.channels // row_size
        for m, order in enumerate(at):
            for component in range(2 if m else 1):
                if order is None:
                    rows += [(starts[-1], 0, 0)] * num_rows
                    continue
                number, columns = order
                dim, channels = order_shapes[number]
                first = (component * channels + columns.start) // row_size
                rows += [(starts[number], dim * channels // row_size, first + j) for j in range(num_rows)]
        result.append(rows)
    return result


def _index(parts: list[RowIndex], edges: Tensor) -> Tensor:
    """Source rows of all parts one after another, for edges 0, 1, 2 .."""
    indices = []
    for rows in parts:
        before, step, offset = torch.tensor(rows, dtype=torch.int64, device=edges.device).reshape(-1, 3).T
        indices.append((edges[:, None] * step + (before * edges.shape[0] + offset)).flatten())
    return torch.cat(indices) if indices else edges[:0]


@lru_cache(maxsize=16)
def _indices(coupling: SO2Coupling, output: bool, num_edges: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Row indices from the degree layout to the order layout, and back."""
    plan, edges = _row_plan(coupling, output), torch.arange(num_edges, device=device)
    return _index(plan.to_orders, edges), _index(plan.to_degrees, edges)


class DegreeOrderLayout:
    """Both layouts of the input or output components of a chunk of edges.

    Args:
        coupling: The blocks.
        output: Whether of the outputs.
        num_edges: Number of edges e in the chunk.
        device: Of the buffers.
    """

    def __init__(self, coupling: SO2Coupling, output: bool, num_edges: int, device: torch.device) -> None:
        self._plan = _row_plan(coupling, output)
        self._num_edges = num_edges
        self._to_orders, self._to_degrees = _indices(coupling, output, num_edges, device)

    @property
    def buffer_size(self) -> int:
        """Numbers in a buffer for either layout: those of the edges, and a row of zeros."""
        return self._num_edges * self._plan.numbers_per_edge + self._plan.row_size

    def degree_views(self, buffer: Tensor) -> list[Tensor]:
        """``(e, frame components, channels)`` for each frame block: views of a buffer in the degree layout."""
        return self._views(buffer, self._plan.degree_shapes)

    def order_views(self, buffer: Tensor) -> list[Tensor]:
        """``(e, 1 or 2, channels)`` for each order block: views of a buffer in the order layout."""
        return self._views(buffer, self._plan.order_shapes)

    def to_orders(self, degrees: Tensor, out: Tensor) -> None:
        """Copy a buffer in the degree layout to one in the order layout."""
        self._select(degrees, self._to_orders, out)

    def to_degrees(self, orders: Tensor, out: Tensor) -> None:
        """Copy a buffer in the order layout to one in the degree layout; zero for components that no order has."""
        row_size = self._plan.row_size
        end = self._num_edges * sum(dim * channels for dim, channels in self._plan.order_shapes)
        orders[end : end + row_size] = 0
        self._select(orders, self._to_degrees, out)

    def _select(self, buffer: Tensor, index: Tensor, out: Tensor) -> None:
        row_size = self._plan.row_size
        rows = buffer[: buffer.shape[0] // row_size * row_size].view(-1, row_size)
        torch.index_select(rows, 0, index, out=out[: index.shape[0] * row_size].view(-1, row_size))

    def _views(self, buffer: Tensor, shapes: Sequence[BlockShape]) -> list[Tensor]:
        views, start = [], 0
        for dim, channels in shapes:
            stop = start + self._num_edges * dim * channels
            views.append(buffer[start:stop].view(self._num_edges, dim, channels))
            start = stop
        return views
