"""The steerable convolution and its derivative, worked through chunk by chunk of nodes.

A chunk's aggregate is made, mixed into the output and forgotten while it is in cache; the backward makes it again. So
neither time nor memory goes to the aggregates, which are larger than everything else by orders of magnitude.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops._chunks import Chunk, chunks
from intertwine.ops._coupling import Layout, Pair, decode, layout

_CACHE = {"cpu": 5 << 19}  # bytes of aggregate that a chunk may take
_ELSEWHERE = 64 << 20


class Call(NamedTuple):
    """The tensors of one call and where everything stands in them."""

    features: list[Tensor]
    shape: torch.Size
    harmonics: Tensor
    radial: Tensor
    source: Tensor
    rank: Tensor
    order: Tensor
    tensors: list[Tensor]
    weights: Tensor
    where: Layout

    @classmethod
    def of(
        cls,
        features: Tensor,
        harmonics: Tensor,
        radial: Tensor,
        weights: Tensor,
        tensor: Tensor,
        source: Tensor,
        rank: Tensor,
        places: Tensor,
        code: list[int],
    ) -> Call:
        """Split the features into blocks ``(N, m, c)`` and find everything's place."""
        where = layout(decode(tuple(code)))
        parts = [
            features[:, block.features].unflatten(1, (block.channels, block.components)).mT.contiguous()
            for block in where.blocks
        ]
        tensors = [tensor[:, block.columns] for block in where.blocks]
        return cls(
            parts, features.shape, harmonics, radial, source, rank, torch.argsort(places), tensors, weights, where
        )

    @property
    def width(self) -> int:
        """The number of radial functions."""
        return self.radial.shape[1]

    def scatter(self, parts: list[Tensor]) -> Tensor:
        """Flat features from one ``(N, m, c)`` for each block: the inverse of the split."""
        result = parts[0].new_zeros(self.shape) if parts else self.radial.new_zeros(self.shape)
        for part, block in zip(parts, self.where.blocks, strict=True):
            result[:, block.features] = part.mT.flatten(1)
        return result

    def weight(self, pair: Pair) -> Tensor:
        """``(paths * channels * H, channels_out)``."""
        start, stop = pair.weights.start * self.width, pair.weights.stop * self.width
        return self.weights[start:stop].view(-1, pair.channels)

    def cut(self) -> tuple[list[Chunk], Tensor]:
        """Chunks of nodes for which the largest aggregate stays in cache, and room for that aggregate."""
        pairs = [pair for block in self.where.blocks for pair in block.pairs]
        largest = max((pair.components * pair.fan_in for pair in pairs), default=0) * self.width
        room = _CACHE.get(self.radial.device.type, _ELSEWHERE) // self.radial.element_size()
        most = max(room // max(largest, 1), 8)
        parts = list(chunks(self.rank, self.order.shape[0], most)) if largest else []
        return parts, self.radial.new_empty(max((part.count for part in parts), default=0) * largest)


def _small(kernel: Tensor, channels: int) -> bool:
    """Whether torch would do each edge's product without BLAS, slower than component by component for all edges."""
    return kernel.shape[2] == 1 or kernel.shape[1] * kernel.shape[2] * channels < 400


def _couple(kernel: Tensor, neighbours: Tensor) -> Tensor:
    """``(e, rows, m) x (e, m, c) -> (e, rows, c)``."""
    if not _small(kernel, neighbours.shape[2]):
        return torch.bmm(kernel, neighbours)
    result = kernel[:, :, :1] * neighbours[:, :1]
    for m in range(1, kernel.shape[2]):
        result.addcmul_(kernel[:, :, m : m + 1], neighbours[:, m : m + 1])
    return result


def _couple_back(kernel: Tensor, grad: Tensor) -> Tensor:
    """``(e, rows, m) x (e, rows, c) -> (e, m, c)``."""
    if not _small(kernel, grad.shape[2]):
        return torch.bmm(kernel.mT, grad)
    result = kernel[:, 0, :, None] * grad[:, :1]
    for row in range(1, kernel.shape[1]):
        result.addcmul_(kernel[:, row, :, None], grad[:, row : row + 1])
    return result


class _Messages(NamedTuple):
    """One input block's messages along a chunk's edges: ``values (e, rows, c) = kernel (e, rows, m) x neighbours``."""

    kernel: Tensor
    neighbours: Tensor
    values: Tensor

    @classmethod
    def of(cls, call: Call, block: int, harmonics: Tensor, source: Tensor) -> _Messages:
        components = call.where.blocks[block].components
        kernel = (harmonics @ call.tensors[block]).unflatten(1, (-1, components))
        neighbours = call.features[block].index_select(0, source)
        return cls(kernel, neighbours, _couple(kernel, neighbours))

    def table(self, chunk: Chunk, pair: Pair) -> Tensor:
        """``(n, k, rows * c)``: the rows of one pair."""
        channels = self.values.shape[2]
        columns = slice(pair.rows.start * channels, pair.rows.stop * channels)
        return self.values.view(chunk.count, chunk.width, -1)[:, :, columns]


def _aggregate(messages: Tensor, radial: Tensor, room: Tensor) -> Tensor:
    """``(n, k, P) x (n, k, H) -> (n, P, H)``, in a room that is used again and again."""
    shape = messages.shape[0], messages.shape[2], radial.shape[2]
    out = room[: shape[0] * shape[1] * shape[2]].view(shape)
    return torch.bmm(messages.mT, radial, out=out)


def forward(call: Call) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    result = call.radial.new_zeros(call.order.shape[0], call.where.dim)
    parts, room = call.cut()
    for chunk in parts:
        harmonics, source = chunk.table(call.harmonics), chunk.table(call.source)
        radial = chunk.masked(call.radial).view(chunk.count, chunk.width, -1)
        sums = [radial.new_zeros(chunk.count * components, channels) for components, channels in call.where.outputs]
        for number, block in enumerate(call.where.blocks):
            messages = _Messages.of(call, number, harmonics, source)
            for pair in block.pairs:
                aggregate = _aggregate(messages.table(chunk, pair), radial, room)
                sums[pair.output].addmm_(aggregate.view(chunk.count * pair.components, -1), call.weight(pair))
        flat = [part.view(chunk.count, -1, part.shape[1]).mT.flatten(1) for part in sums]
        result.index_copy_(0, call.order[chunk.nodes], torch.cat(flat, 1))
    return result


class _Gradients(NamedTuple):
    """What the backward adds up; ``None`` where it is not asked for. The weights' are transposed, pair by pair."""

    features: list[Tensor] | None
    harmonics: Tensor | None
    radial: Tensor | None
    weights: list[Tensor] | None


def backward(call: Call, grad: Tensor, needs: list[bool]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, harmonics, radial functions and weights; empty where not needed."""
    pairs = [pair for block in call.where.blocks for pair in block.pairs]
    total = _Gradients(
        [torch.zeros_like(part) for part in call.features] if needs[0] else None,
        torch.zeros_like(call.harmonics) if needs[1] else None,
        torch.zeros_like(call.radial) if needs[2] else None,
        [grad.new_zeros(pair.channels, pair.fan_in * call.width) for pair in pairs] if needs[3] else None,
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
    weights = None if total.weights is None else [part.T.reshape(-1) for part in total.weights]
    return (
        grad.new_empty(0) if total.features is None else call.scatter(total.features),
        grad.new_empty(0) if total.harmonics is None else total.harmonics,
        grad.new_empty(0) if total.radial is None else total.radial,
        torch.cat(weights) if weights else grad.new_empty(0),
    )


def _chunk_backward(call: Call, chunk: Chunk, grads: list[Tensor], total: _Gradients, room: Tensor) -> None:
    harmonics, source = chunk.table(call.harmonics), chunk.table(call.source)
    radial = chunk.masked(call.radial).view(chunk.count, chunk.width, -1)
    d_radial = None if total.radial is None else torch.zeros_like(radial)
    d_harmonics = None if total.harmonics is None else torch.zeros_like(harmonics)
    down, weights = total.features is not None or d_harmonics is not None, iter(total.weights or ())
    for number, block in enumerate(call.where.blocks):
        messages = _Messages.of(call, number, harmonics, source)
        d_values = torch.empty_like(messages.values) if down else None
        for pair in block.pairs:
            table, grad = messages.table(chunk, pair), grads[pair.output]
            if total.weights is not None:
                aggregate = _aggregate(table, radial, room)
                next(weights).addmm_(grad.T, aggregate.view(grad.shape[0], -1))
            if not down and d_radial is None:
                continue
            mixed = room[: chunk.count * table.shape[2] * call.width]
            torch.mm(grad, call.weight(pair).T, out=mixed.view(grad.shape[0], -1))
            mixed = mixed.view(chunk.count, -1, call.width)
            if d_radial is not None:
                d_radial.baddbmm_(table, mixed)
            if d_values is not None:
                messages._replace(values=d_values).table(chunk, pair).copy_(torch.bmm(radial, mixed.mT))
        if d_values is None:
            continue
        if total.features is not None:
            total.features[number].index_add_(0, source, _couple_back(messages.kernel, d_values))
        if d_harmonics is not None:
            d_harmonics.addmm_(torch.bmm(d_values, messages.neighbours.mT).flatten(1), call.tensors[number].T)
    if d_radial is not None and total.radial is not None:
        chunk.write(total.radial, d_radial.flatten(0, 1))
    if d_harmonics is not None and total.harmonics is not None:
        chunk.write(total.harmonics, d_harmonics)
