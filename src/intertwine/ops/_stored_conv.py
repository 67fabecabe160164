"""The steerable convolution made of differentiable pieces that keep what they made for the backward.

Right where messages and aggregates are small: few radial functions. Where there are many, see ``_fused_conv``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops._coupling import Coupling
from intertwine.ops._graph import Graph
from intertwine.ops._segments import segment_outer


def stored_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """The function of :func:`intertwine.ops.steerable_conv`, all nodes at once."""
    sizes = [((2 * degree + 1), channels) for (degree, _), channels in coupling.inputs]
    parts = features.split([width * channels for width, channels in sizes], 1)
    blocks = [part.unflatten(1, (channels, width)).mT for part, (width, channels) in zip(parts, sizes, strict=True)]
    size = graph.size
    results: list[Tensor | None] = [None] * len(coupling.outputs)
    column, weight = 0, iter(weights)
    for i, ((degree, _), _) in enumerate(coupling.inputs):
        rows, width = coupling.rows(i), 2 * degree + 1
        if not rows:
            continue
        columns = sum(height for _, height in rows) * width
        kernel = (harmonics @ tensor[:, column : column + columns]).unflatten(1, (-1, width))
        column += columns
        gathered = _aggregate(blocks[i].index_select(0, graph.source), kernel, radial, graph)
        for (o, height), part in zip(rows, gathered.split([height for _, height in rows], 1), strict=True):
            components = 2 * coupling.outputs[o][0][0] + 1
            mixed = part.reshape(size * components, height // components * part.shape[2] * part.shape[3]) @ next(weight)
            previous = results[o]
            results[o] = mixed if previous is None else previous + mixed
    flat = [
        radial.new_zeros(size, (2 * label[0] + 1) * channels)
        if result is None
        else result.unflatten(0, (size, 2 * label[0] + 1)).mT.flatten(1)
        for result, (label, channels) in zip(results, coupling.outputs, strict=True)
    ]
    return torch.cat(flat, 1).index_select(0, graph.places)


def _aggregate(neighbours: Tensor, kernel: Tensor, radial: Tensor, graph: Graph) -> Tensor:
    """Sum kernel, neighbour and radial functions over the edges.

    Scalars need no coupling: there the few radial functions are steered instead of the many channels.

    Args:
        neighbours: ``(E, 2 l_in + 1, channels)``.
        kernel: ``(E, rows, 2 l_in + 1)``.
        radial: ``(E, H)``.
        graph: The edges.

    Returns:
        ``(N, rows, channels, H)``, nodes in the order of their ranks.
    """
    size, rows, channels, width = graph.size, kernel.shape[1], neighbours.shape[2], radial.shape[1]
    if kernel.shape[2] == 1:
        steered = kernel * radial[:, None]
        gathered = segment_outer(neighbours[:, 0], steered.flatten(1), graph.rank, size)
        return gathered.reshape(size, channels, rows, width).transpose(1, 2)
    message = (kernel @ neighbours).flatten(1)
    return segment_outer(message, radial, graph.rank, size).reshape(size, rows, channels, width)
