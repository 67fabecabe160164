"""Edges of length zero. They have no direction: their kernel is the mean over all, which only J = 0 survives.

By Schur it takes each degree to itself, and there to tr W / (2 l + 1) times the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from intertwine.ops.so2._so2_coupling import Where, shared_places

if TYPE_CHECKING:
    from intertwine.ops.so2._so2_kernels import EdgeCall, Gradients


class _Pair(NamedTuple):
    """An input and an output block of one degree and parity.

    Attributes:
        source: The input block.
        target: The output block.
        scales: Where the input block's scales stand.
        weights: Where the weights of each m stand, and what each counts in the mean.
    """

    source: int
    target: int
    scales: slice
    weights: list[tuple[Where, float]]

    def mean(self, weights: list[Tensor]) -> Tensor:
        """``(channels_in, channels_out)``: the mean kernel."""
        return torch.stack([part * weights[g][rows, columns] for (g, rows, columns), part in self.weights]).sum(0)


def _pairs(call: EdgeCall) -> Iterator[_Pair]:
    start, scales = 0, {}
    for block in call.coupling.scale_order():
        scales[block] = slice(start, start + call.inputs[block][1])
        start = scales[block].stop
    for strand in call.where.inputs:
        for other in call.where.outputs:
            if (strand.degree, strand.kind) == (other.degree, other.kind) and strand.lowest == 0:
                places = shared_places(call.coupling, strand, other)
                weights = [(place, (2 if m else 1) / (2 * strand.degree + 1)) for place, m in places]
                yield _Pair(strand.block, other.block, scales[strand.block], weights)


def _where(call: EdgeCall) -> tuple[Tensor, Tensor, Tensor]:
    """Which edges they are, their sources and their targets."""
    edges = torch.nonzero(~call.alive[:, 0])[:, 0]
    return edges, call.source[edges], call.order[call.rank[edges]]


def add_coincident(call: EdgeCall, result: list[Tensor]) -> None:
    """Add what these edges carry to ``result``, ``(N, components, channels)`` for each output block."""
    edges, source, target = _where(call)
    if not edges.shape[0]:
        return
    scales, blocks = call.radial[edges] @ call.scales, call.blocks(source)
    for pair in _pairs(call):
        scaled = blocks[pair.source] * scales[:, None, pair.scales]
        result[pair.target].index_add_(0, target, scaled @ pair.mean(call.weights))


def coincident_backward(call: EdgeCall, grads: list[Tensor], total: Gradients) -> None:
    """Add their gradients; ``grads`` is ``(N, components, channels)`` for each output block."""
    edges, source, target = _where(call)
    if not edges.shape[0]:
        return
    radial, blocks = call.radial[edges], call.blocks(source)
    scales = radial @ call.scales
    d_scales = torch.zeros_like(scales)
    for pair in _pairs(call):
        grad, block, scale = grads[pair.target][target], blocks[pair.source], scales[:, None, pair.scales]
        down = grad @ pair.mean(call.weights).T
        d_scales[:, pair.scales] += (down * block).sum(1)
        if total.features is not None:
            total.features[pair.source].index_add_(0, source, down * scale)
        if total.weights is not None:
            by_mean = (block * scale).flatten(0, 1).T @ grad.flatten(0, 1)
            for (group, rows, columns), part in pair.weights:
                total.weights[group][rows, columns] += part * by_mean
    if total.radial is not None:
        total.radial.index_add_(0, edges, d_scales @ call.scales.T)
    if total.scales is not None:
        total.scales.addmm_(radial.T, d_scales)
