"""Inputs and gradients of the SO(2) convolution kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops._scaled_vectors import is_zero
from intertwine.ops.graph import Chunk, chunks
from intertwine.ops.so2._so2_args import SO2Args
from intertwine.ops.so2._so2_coupling import SO2Coupling, SO2Layout, decode_so2_coupling, so2_layout
from intertwine.ops.so2._wigner_factors import WignerFactors, factor_constants, frame_orders

_CACHE_BYTES = {"cpu": 3 << 19}  # bytes of the components of a chunk's edges, by type of device
_DEFAULT_BYTES = 64 << 20
_MIN_EDGES, _MAX_EDGES = 128, 1024  # in a chunk

BlockShape = tuple[int, int]  # components 2 l + 1 and channels of a block


class SO2Inputs(NamedTuple):
    """Arguments of one call of the kernels.

    Attributes:
        features: ``(M, dim_in)``, in each block the channels innermost.
        radial: ``(E, H)``.
        wigner_factors: Of the rotations to all edges.
        has_direction: ``(E, 1)`` false for edges of length zero.
        scales: ``(H, S)``.
        weights: For each order block ``(channels_in, channels_out)``.
        source: ``(E,)`` source node of each edge.
        rank: ``(E,)`` rank of the target of each edge.
        node_of_rank: ``(N,)`` target node of each rank.
        coupling: The blocks.
        layout: Frame blocks and order blocks.
        inputs: Shapes of the input blocks.
        outputs: Shapes of the output blocks.
        factor_constants: By degree and reflection sign, the constants of the Wigner matrices.
    """

    features: Tensor
    radial: Tensor
    wigner_factors: WignerFactors
    has_direction: Tensor
    scales: Tensor
    weights: list[Tensor]
    source: Tensor
    rank: Tensor
    node_of_rank: Tensor
    coupling: SO2Coupling
    layout: SO2Layout
    inputs: tuple[BlockShape, ...]
    outputs: tuple[BlockShape, ...]
    factor_constants: dict[tuple[int, int], Tensor]

    @classmethod
    def from_args(cls, args: SO2Args) -> SO2Inputs:
        """Bring the channels of the features innermost, split the weights and compute the Wigner factors."""
        coupling = decode_so2_coupling(tuple(args.coupling))
        layout = so2_layout(coupling)
        inputs, outputs = (
            tuple((2 * degree + 1, channels) for (degree, _), channels in blocks)
            for blocks in (coupling.inputs, coupling.outputs)
        )
        sizes = [block.shape[0] * block.shape[1] for block in layout.orders]
        weights = args.weights.split(sizes)
        constants = {}
        for frame in layout.inputs + layout.outputs:
            key = frame.degree, frame.reflection_sign
            if frame.degree and key not in constants:
                orders, signs = frame_orders(frame.degree, coupling.mmax, frame.reflection_sign)
                constants[key] = factor_constants(frame.degree, tuple(orders), tuple(signs)).to(args.radial)
        return cls(
            channels_innermost(args.features, inputs),
            args.radial,
            WignerFactors.from_vectors(args.vectors, layout.lmax),
            ~is_zero(args.vectors),
            args.scales,
            [part.view(block.shape) for part, block in zip(weights, layout.orders, strict=True)],
            args.source,
            args.rank,
            torch.argsort(args.rank_of_node),
            coupling,
            layout,
            inputs,
            outputs,
            constants,
        )

    def source_blocks(self, source: Tensor) -> list[Tensor]:
        """``(e, 2 l + 1, c)`` for each input block: the features of some source nodes."""
        return split_blocks(self.features.index_select(0, source), self.inputs)

    def chunks(self) -> list[Chunk]:
        """Chunks of target nodes whose edges' components stay in cache."""
        num_nodes = self.node_of_rank.shape[0]
        if not self.layout.orders or not num_nodes:
            return []
        dim = max(sum(width * channels for width, channels in shapes) for shapes in (self.inputs, self.outputs))
        capacity = _CACHE_BYTES.get(self.radial.device.type, _DEFAULT_BYTES)
        num_edges = min(max(capacity // (dim * self.features.element_size()), _MIN_EDGES), _MAX_EDGES)
        return list(chunks(self.rank, num_nodes, max(num_edges * num_nodes // max(self.rank.shape[0], 1), 1)))


class SO2Gradients(NamedTuple):
    """Gradients that all chunks add to; ``None`` where not needed.

    Attributes:
        features: For each input block ``(M, 2 l + 1, c)``.
        radial: ``(E, H)``.
        torque: ``(E, 3)`` derivative by infinitesimal rotations of each edge about x, y and z.
        scales: ``(H, S)``.
        weights: For each order block ``(channels_in, channels_out)``.
    """

    features: list[Tensor] | None
    radial: Tensor | None
    torque: Tensor | None
    scales: Tensor | None
    weights: list[Tensor] | None


def split_blocks(flat: Tensor, shapes: Sequence[BlockShape]) -> list[Tensor]:
    """Blocks ``(n, components, channels)`` of features ``(n, dim)`` whose channels are innermost: views."""
    result, start = [], 0
    for dim, channels in shapes:
        result.append(flat[:, start : start + dim * channels].unflatten(1, (dim, channels)))
        start += dim * channels
    return result


def channels_innermost(flat: Tensor, shapes: Sequence[BlockShape]) -> Tensor:
    """Features ``(n, dim)`` from channels outermost to channels innermost in each block."""
    result, start = torch.empty_like(flat), 0
    for block, (dim, channels) in zip(split_blocks(result, shapes), shapes, strict=True):
        block.copy_(flat[:, start : start + dim * channels].unflatten(1, (channels, dim)).mT)
        start += dim * channels
    return result
