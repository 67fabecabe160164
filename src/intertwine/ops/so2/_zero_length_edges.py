"""Edges of length zero. They have no direction: their kernel is the mean over all directions, the J = 0 part.

By Schur's lemma it maps each degree to itself, by tr W / (2 l + 1) times the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.so2._so2_coupling import WeightSlice, weight_slices
from intertwine.ops.so2._so2_inputs import SO2Gradients, SO2Inputs


class _BlockPair(NamedTuple):
    """An input block and an output block of the same degree and parity.

    Attributes:
        source: Index of the input block.
        target: Index of the output block.
        scales: Scales of the input block.
        weights: The weights of each order, and the factor of each in the mean.
    """

    source: int
    target: int
    scales: slice
    weights: list[tuple[WeightSlice, float]]

    def mean_kernel(self, weights: list[Tensor]) -> Tensor:
        """``(channels_in, channels_out)``: the trace of the kernel over 2 l + 1."""
        parts = [factor * weights[order][rows, columns] for (order, rows, columns), factor in self.weights]
        return torch.stack(parts).sum(0)


def _block_pairs(inputs: SO2Inputs) -> Iterator[_BlockPair]:
    start, scales = 0, {}
    for block in inputs.coupling.scale_order():
        scales[block] = slice(start, start + inputs.inputs[block][1])
        start = scales[block].stop
    for source in inputs.layout.inputs:
        for target in inputs.layout.outputs:
            same_irrep = (source.degree, source.reflection_sign) == (target.degree, target.reflection_sign)
            if same_irrep and source.min_order == 0:
                slices = weight_slices(inputs.coupling, source, target)
                weights = [(where, (2 if m else 1) / (2 * source.degree + 1)) for where, m in slices]
                yield _BlockPair(source.block, target.block, scales[source.block], weights)


def _zero_length_edges(inputs: SO2Inputs) -> tuple[Tensor, Tensor, Tensor]:
    """The edges of length zero, their source nodes and their target nodes."""
    edges = torch.nonzero(~inputs.has_direction[:, 0])[:, 0]
    return edges, inputs.source[edges], inputs.node_of_rank[inputs.rank[edges]]


def add_zero_length_edges(inputs: SO2Inputs, result: list[Tensor]) -> None:
    """Add the messages of these edges to ``result``, ``(N, components, channels)`` for each output block."""
    edges, source, target = _zero_length_edges(inputs)
    if not edges.shape[0]:
        return
    scales, blocks = inputs.radial[edges] @ inputs.scales, inputs.source_blocks(source)
    for pair in _block_pairs(inputs):
        scaled = blocks[pair.source] * scales[:, None, pair.scales]
        result[pair.target].index_add_(0, target, scaled @ pair.mean_kernel(inputs.weights))


def zero_length_edges_backward(inputs: SO2Inputs, grads: list[Tensor], total: SO2Gradients) -> None:
    """Add the gradients of these edges; ``grads`` is ``(N, components, channels)`` for each output block."""
    edges, source, target = _zero_length_edges(inputs)
    if not edges.shape[0]:
        return
    radial, blocks = inputs.radial[edges], inputs.source_blocks(source)
    scales = radial @ inputs.scales
    d_scales = torch.zeros_like(scales)
    for pair in _block_pairs(inputs):
        grad, block, scale = grads[pair.target][target], blocks[pair.source], scales[:, None, pair.scales]
        d_scaled = grad @ pair.mean_kernel(inputs.weights).T
        d_scales[:, pair.scales] += (d_scaled * block).sum(1)
        if total.features is not None:
            total.features[pair.source].index_add_(0, source, d_scaled * scale)
        if total.weights is not None:
            d_mean = (block * scale).flatten(0, 1).T @ grad.flatten(0, 1)
            for (order, rows, columns), factor in pair.weights:
                total.weights[order][rows, columns] += factor * d_mean
    if total.radial is not None:
        total.radial.index_add_(0, edges, d_scales @ inputs.scales.T)
    if total.scales is not None:
        total.scales.addmm_(radial.T, d_scales)
