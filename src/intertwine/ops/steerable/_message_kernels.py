"""Messages of the steerable convolution, worked through chunk by chunk of the points that send them.

A call is that of the convolution turned round: its nodes send, and its sources are the edges' own numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk
from intertwine.ops.steerable import _conv_inputs as many
from intertwine.ops.steerable import _small_kernels as few
from intertwine.ops.steerable._conv_kernels import _couple_back


def messages(call: many.Call, features: Tensor) -> Tensor:
    """Of many channels: each node is mixed for all its edges, then each edge couples what it takes along.

    Args:
        call: The turned convolution; its own features are not looked at.
        features: ``(N, dim_out of the call)`` of the nodes.

    Returns:
        ``(E, dim_in of the call)``.
    """
    result = features.new_zeros(call.source.shape[0], call.shape[1])
    sizes = [components * channels for components, channels in call.where.outputs]
    parts, room = call.cut()
    for chunk in parts:
        rows = features.index_select(0, call.order[chunk.nodes]).split(sizes, 1)
        own = [
            part.unflatten(1, (channels, components)).mT.reshape(-1, channels)
            for part, (components, channels) in zip(rows, call.where.outputs, strict=True)
        ]
        _write(result, call.source, chunk, _chunk(call, chunk, own, room))
    return result


def _chunk(call: many.Call, chunk: Chunk, own: list[Tensor], room: Tensor) -> Tensor:
    harmonics = chunk.table(call.harmonics)
    radial = chunk.table(call.radial).view(chunk.count, chunk.width, -1)
    found = harmonics.new_zeros(len(harmonics), call.shape[1])
    for block, tensor in zip(call.where.blocks, call.tensors, strict=True):
        taken = radial.new_empty(chunk.count, chunk.width, block.rows * block.channels)
        for pair in block.pairs:
            columns = slice(pair.rows.start * block.channels, pair.rows.stop * block.channels)
            mixed = room[: chunk.count * (columns.stop - columns.start) * call.width]
            torch.mm(own[pair.output], call.weight(pair).T, out=mixed.view(own[pair.output].shape[0], -1))
            taken[:, :, columns] = torch.bmm(radial, mixed.view(chunk.count, -1, call.width).mT)
        kernel = (harmonics @ tensor).unflatten(1, (-1, block.components))
        coupled = _couple_back(kernel, taken.flatten(0, 1).unflatten(1, (block.rows, -1)))
        found[:, block.features].unflatten(1, (block.channels, -1)).copy_(coupled.mT)
    return found


def small_messages(call: few.Call, features: Tensor) -> Tensor:
    """The same of few channels: one matrix for each node, from harmonics times radial functions to the message."""
    result = features.new_zeros(call.source.shape[0], call.features.shape[1])
    for chunk in call.cut():
        matrices = features.index_select(0, call.order[chunk.nodes]) @ call.weights.T
        harmonics, radial = chunk.table(call.harmonics), chunk.table(call.radial)
        filters = (harmonics[:, :, None] * radial[:, None, :]).view(chunk.count, chunk.width, -1)
        found = torch.bmm(filters, matrices.view(chunk.count, result.shape[1], -1).mT)
        _write(result, call.source, chunk, found.flatten(0, 1))
    return result


def _write(result: Tensor, numbers: Tensor, chunk: Chunk, table: Tensor) -> None:
    """A chunk's table of messages into the rows of its edges."""
    result[numbers[chunk.edges]] = table if chunk.valid is None else table[chunk.valid]
