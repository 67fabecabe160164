"""The steerable convolution and its derivatives, worked through chunk by chunk of nodes.

A chunk's aggregate is made, mixed into the output and forgotten while it is in cache; the backward makes it again. So
neither time nor memory goes to the aggregates, which are larger than everything else by orders of magnitude.

The same code serves the convolution, ``A = [K(Y) x] R``, and its derivative in a direction,
``A' = [K(Y) dx + K(dY) x] R + [K(Y) x] dR``: the second is the first with the neighbors counted twice, once for each
bracket.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk
from intertwine.ops.steerable._conv_autograd import Gradients
from intertwine.ops.steerable._conv_inputs import Call
from intertwine.ops.steerable._coupling import Pair


def _small(kernel: Tensor, channels: int) -> bool:
    """Whether torch would do each edge's product without BLAS, slower than component by component for all edges."""
    return kernel.shape[2] == 1 or kernel.shape[1] * kernel.shape[2] * channels < 400


def _couple(kernel: Tensor, neighbors: Tensor) -> Tensor:
    """``(e, rows, m) x (e, m, c) -> (e, rows, c)``."""
    if not _small(kernel, neighbors.shape[2]):
        return torch.bmm(kernel, neighbors)
    result = kernel[:, :, :1] * neighbors[:, :1]
    for m in range(1, kernel.shape[2]):
        result.addcmul_(kernel[:, :, m : m + 1], neighbors[:, m : m + 1])
    return result


def _couple_back(kernel: Tensor, grad: Tensor) -> Tensor:
    """``(e, rows, m) x (e, rows, c) -> (e, m, c)``."""
    if not _small(kernel, grad.shape[2]):
        return torch.bmm(kernel.mT, grad)
    result = kernel[:, 0, :, None] * grad[:, :1]
    for row in range(1, kernel.shape[1]):
        result.addcmul_(kernel[:, row, :, None], grad[:, row : row + 1])
    return result


class _Term(NamedTuple):
    """A product of a steered kernel and the neighbors' features, and which of the two are the arguments themselves."""

    kernel: Tensor
    neighbors: Tensor
    own_harmonics: bool
    own_features: bool


class _Table(NamedTuple):
    """A chunk's edges.

    Attributes:
        harmonics: ``(e, y)``.
        moved: ``(e, y)`` their direction.
        source: ``(e,)``.
        radial: ``(n, k, H)`` for each bracket of the aggregate: the radial functions that it is summed with.
        brackets: Which brackets there are: that of the radial functions themselves, that of their direction.
    """

    harmonics: Tensor
    moved: Tensor | None
    source: Tensor
    radial: list[Tensor]
    brackets: tuple[bool, bool]

    @classmethod
    def of(cls, call: Call, chunk: Chunk) -> _Table:
        _, harmonics, radial = call.along
        brackets = not call.directed or call.moved is not None or harmonics is not None, radial is not None
        parts = [chunk.masked(call.radial)] if brackets[0] else []
        parts += [] if radial is None else [chunk.masked(radial)]
        tables = [part.view(chunk.count, chunk.width, -1) for part in parts]
        moved = None if harmonics is None else chunk.table(harmonics)
        return cls(chunk.table(call.harmonics), moved, chunk.table(call.source), tables, brackets)


class _Messages(NamedTuple):
    """One input block's messages: for each bracket ``values (n, k, rows c)``, the sum of its terms."""

    brackets: list[list[_Term]]
    values: list[Tensor]

    @classmethod
    def of(cls, call: Call, number: int, table: _Table) -> _Messages:
        block, tensor = call.where.blocks[number], call.tensors[number]

        def kernel(harmonics: Tensor) -> Tensor:
            result: Tensor = (harmonics @ tensor).unflatten(1, (-1, block.components))
            return result

        still = _Term(kernel(table.harmonics), call.features[number].index_select(0, table.source), True, True)
        first = [] if call.directed else [still]
        if call.moved is not None:
            first.append(_Term(still.kernel, call.moved[number].index_select(0, table.source), True, False))
        if table.moved is not None:
            first.append(_Term(kernel(table.moved), still.neighbors, False, True))
        brackets = [bracket for bracket in (first, [still] if table.brackets[1] else []) if bracket]
        shape = *table.radial[0].shape[:2], block.rows * block.channels
        return cls(brackets, [_sum_of(bracket).view(shape) for bracket in brackets])

    def pull(self, grads: list[Tensor], tensor: Tensor, features: bool, harmonics: Tensor | None) -> Tensor | None:
        """From the gradient of the values: that of the edges' features ``(e, m, c)``; adds that of the harmonics."""
        found, shape = None, (self.brackets[0][0].kernel.shape[1], -1)
        for bracket, part in zip(self.brackets, grads, strict=True):
            slopes = part.flatten(0, 1).unflatten(1, shape)
            for term in bracket:
                if features and term.own_features:
                    back = _couple_back(term.kernel, slopes)
                    found = back if found is None else found.add_(back)
                if harmonics is not None and term.own_harmonics:
                    harmonics.addmm_(torch.bmm(slopes, term.neighbors.mT).flatten(1), tensor.T)
        return found


def _sum_of(terms: list[_Term]) -> Tensor:
    total = _couple(terms[0].kernel, terms[0].neighbors)
    for term in terms[1:]:
        total += _couple(term.kernel, term.neighbors)
    return total


def _columns(values: list[Tensor], pair: Pair, channels: int) -> list[Tensor]:
    """The rows of one pair in each bracket: ``(n, k, P)``."""
    where = slice(pair.rows.start * channels, pair.rows.stop * channels)
    return [part[:, :, where] for part in values]


def _aggregate(messages: list[Tensor], radial: list[Tensor], room: Tensor) -> Tensor:
    """Sum over the brackets of ``(n, k, P) x (n, k, H) -> (n, P, H)``, in a room that is used again and again."""
    shape = messages[0].shape[0], messages[0].shape[2], radial[0].shape[2]
    out = room[: shape[0] * shape[1] * shape[2]].view(shape)
    torch.bmm(messages[0].mT, radial[0], out=out)
    for part, table in zip(messages[1:], radial[1:], strict=True):
        out.baddbmm_(part.mT, table)
    return out


class _Sums:
    """A chunk's rows of the result, output block by output block."""

    def __init__(self, call: Call, chunk: Chunk) -> None:
        self._where, self._chunk = call.order[chunk.nodes], chunk
        outputs = call.where.outputs
        self._parts = [call.radial.new_zeros(chunk.count * components, channels) for components, channels in outputs]

    def add(self, pair: Pair, aggregate: Tensor, weight: Tensor) -> None:
        """Mix one pair's aggregate into its output."""
        self._parts[pair.output].addmm_(aggregate.view(self._chunk.count * pair.components, -1), weight)

    def write(self, result: Tensor) -> None:
        """Into the rows of the nodes."""
        flat = [part.view(self._chunk.count, -1, part.shape[1]).mT.flatten(1) for part in self._parts]
        result.index_copy_(0, self._where, torch.cat(flat, 1))


def forward(call: Call) -> Tensor:
    """The convolution, or its derivative in the call's direction, ``(N, dim_out)``."""
    result = call.radial.new_zeros(call.order.shape[0], call.where.dim)
    parts, room = call.cut()
    for chunk in parts:
        table, sums = _Table.of(call, chunk), _Sums(call, chunk)
        for number, block in enumerate(call.where.blocks):
            messages = _Messages.of(call, number, table)
            for pair in block.pairs:
                values = _columns(messages.values, pair, block.channels)
                sums.add(pair, _aggregate(values, table.radial, room), call.weight(pair))
        sums.write(result)
    return result


class _Totals(NamedTuple):
    """What the backward adds up; the weights' are transposed, pair by pair."""

    value: Tensor | None
    features: list[Tensor] | None
    harmonics: Tensor | None
    radial: Tensor | None
    weights: list[Tensor] | None


def backward(call: Call, grad: Tensor, needs: list[bool]) -> Gradients:
    """The value and the gradients of features, harmonics, radial functions and weights, as far as they are needed."""
    pairs = [pair for block in call.where.blocks for pair in block.pairs]
    total = _Totals(
        torch.zeros_like(grad) if needs[0] else None,
        [torch.zeros_like(part) for part in call.features] if needs[1] else None,
        torch.zeros_like(call.harmonics) if needs[2] else None,
        torch.zeros_like(call.radial) if needs[3] else None,
        [grad.new_zeros(pair.channels, pair.fan_in * call.width) for pair in pairs] if needs[4] else None,
    )
    sizes = [components * channels for components, channels in call.where.outputs]
    parts, room = call.cut()
    for chunk in parts:
        rows = grad.index_select(0, call.order[chunk.nodes]).split(sizes, 1)
        grads = [
            part.unflatten(1, (channels, components)).mT.reshape(-1, channels)
            for part, (components, channels) in zip(rows, call.where.outputs, strict=True)
        ]
        _chunk_backward(call, chunk, grads, total, room)
    flat = [part.T.reshape(-1) for part in total.weights or ()]
    return Gradients(
        total.value,
        None if total.features is None else call.scatter(total.features),
        total.harmonics,
        total.radial,
        None if total.weights is None else torch.cat([*flat, grad.new_empty(0)]),
    )


def _chunk_backward(call: Call, chunk: Chunk, grads: list[Tensor], total: _Totals, room: Tensor) -> None:
    table = _Table.of(call, chunk)
    sums = None if total.value is None else _Sums(call, chunk)
    own = table.radial[0] if table.brackets[0] else None
    d_radial = None if total.radial is None or own is None else chunk.place(total.radial).view(own.shape)
    d_harmonics = None if total.harmonics is None else torch.zeros_like(table.harmonics)
    down, weights, added = total.features is not None or d_harmonics is not None, chain(total.weights or ()), 0
    for number, block in enumerate(call.where.blocks):
        messages = _Messages.of(call, number, table)
        d_values = [torch.empty_like(part) for part in messages.values] if down else []
        for pair in block.pairs:
            values, grad = _columns(messages.values, pair, block.channels), grads[pair.output]
            weight = call.weight(pair)
            if total.weights is not None or sums is not None:
                aggregate = _aggregate(values, table.radial, room)
                if sums is not None:
                    sums.add(pair, aggregate, weight)
                if total.weights is not None:
                    next(weights).addmm_(grad.T, aggregate.view(grad.shape[0], -1))
            if not down and d_radial is None:
                continue
            mixed = room[: values[0][:, 0].numel() * call.width]
            torch.mm(grad, weight.T, out=mixed.view(grad.shape[0], -1))
            mixed = mixed.view(chunk.count, -1, call.width)
            if d_radial is not None:
                d_radial.baddbmm_(values[0], mixed, beta=added)
                added = 1
            for part, radial in zip(_columns(d_values, pair, block.channels), table.radial, strict=False):
                part.copy_(torch.bmm(radial, mixed.mT))
        if not down:
            continue
        arrived = messages.pull(d_values, call.tensors[number], total.features is not None, d_harmonics)
        if total.features is not None and arrived is not None:
            total.features[number].index_add_(0, table.source, arrived)
    if d_radial is not None and total.radial is not None:
        chunk.write(total.radial, d_radial.flatten(0, 1))
    if d_harmonics is not None and total.harmonics is not None:
        chunk.write(total.harmonics, d_harmonics)
    if sums is not None and total.value is not None:
        sums.write(total.value)
