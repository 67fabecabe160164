"""Inputs of the fused convolution kernels: arguments split into blocks, and chunks of target nodes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, chunks
from intertwine.ops.steerable._conv_args import ConvArgs, Tangents
from intertwine.ops.steerable._coupling import decode_coupling
from intertwine.ops.steerable._coupling_layout import CouplingLayout, InputBlock, PathGroup, coupling_layout

_CACHE_BYTES = {"cpu": 5 << 19}  # bytes of a chunk's aggregate and of what its edges need, by type of device
_DEFAULT_BYTES = 64 << 20


class ConvInputs(NamedTuple):
    """Arguments of one call of the kernels.

    Attributes:
        features: For each input block ``(M, m, c)``, m = 2 l_in + 1 components and c channels.
        features_shape: ``(M, dim_in)``.
        harmonics: ``(E, Y)``.
        radial: ``(E, H)``.
        source: ``(E,)`` source node of each edge.
        rank: ``(E,)`` rank of the target of each edge.
        node_of_rank: ``(N,)`` target node of each rank.
        clebsch_gordan: For each input block ``(Y, rows * m)``.
        weights: Flat; for each path group ``(paths * c * H, channels_out)``.
        layout: Offsets of the blocks.
        tangents: Of a Jacobian-vector product; none for the convolution itself.
        features_tangent: The tangent of the features as :attr:`features`.
    """

    features: list[Tensor]
    features_shape: torch.Size
    harmonics: Tensor
    radial: Tensor
    source: Tensor
    rank: Tensor
    node_of_rank: Tensor
    clebsch_gordan: list[Tensor]
    weights: Tensor
    layout: CouplingLayout
    tangents: Tangents
    features_tangent: list[Tensor] | None

    @classmethod
    def from_args(cls, args: ConvArgs, tangents: Tangents | None = None) -> ConvInputs:
        """Split the features and the Clebsch-Gordan tensor into the input blocks."""
        tangents = Tangents() if tangents is None else tangents
        layout = coupling_layout(decode_coupling(tuple(args.coupling)))
        tangent = tangents.features
        return cls(
            [_block(args.features, block) for block in layout.inputs],
            args.features.shape,
            args.harmonics,
            args.radial,
            args.source,
            args.rank,
            torch.argsort(args.rank_of_node),
            [args.clebsch_gordan[:, block.columns] for block in layout.inputs],
            args.weights,
            layout,
            tangents,
            None if tangent is None else [_block(tangent, block) for block in layout.inputs],
        )

    @property
    def num_radial(self) -> int:
        """Number H of radial functions."""
        return self.radial.shape[1]

    @property
    def is_jvp(self) -> bool:
        """Whether this is a Jacobian-vector product."""
        return any(tangent is not None for tangent in self.tangents)

    @property
    def dim_out(self) -> int:
        """Dimension of the output features."""
        return sum(dim * channels for dim, channels in self.layout.outputs)

    def weight(self, paths: PathGroup) -> Tensor:
        """``(paths * channels * H, channels_out)``."""
        start, stop = paths.weights.start * self.num_radial, paths.weights.stop * self.num_radial
        return self.weights[start:stop].view(-1, paths.channels_out)

    def join_features(self, blocks: list[Tensor]) -> Tensor:
        """Flat features ``(M, dim_in)`` from one ``(M, m, c)`` for each input block."""
        result = blocks[0].new_zeros(self.features_shape) if blocks else self.radial.new_zeros(self.features_shape)
        for values, block in zip(blocks, self.layout.inputs, strict=True):
            result[:, block.features] = values.mT.flatten(1)
        return result

    def output_blocks(self, flat: Tensor) -> list[Tensor]:
        """``(n * m_out, channels_out)`` for each output block of flat output features ``(n, dim_out)``."""
        outputs = self.layout.outputs
        parts = flat.split([dim * channels for dim, channels in outputs], 1)
        return [
            part.unflatten(1, (channels, dim)).mT.reshape(-1, channels)
            for part, (dim, channels) in zip(parts, outputs, strict=True)
        ]

    def chunks(self) -> list[Chunk]:
        """Chunks of target nodes whose largest aggregate, and whatever is gathered for their edges, stays in cache."""
        if not self._aggregate_size:
            return []
        capacity = _CACHE_BYTES.get(self.radial.device.type, _DEFAULT_BYTES) // self.radial.element_size()
        max_nodes, max_edges = max(capacity // self._aggregate_size, 8), max(capacity // self._edge_size, 1)
        return list(chunks(self.rank, self.node_of_rank.shape[0], max_nodes, max_edges))

    def new_aggregate(self, chunks: list[Chunk]) -> Tensor:
        """A buffer for the largest aggregate of some chunks."""
        return self.radial.new_empty(max((part.num_nodes for part in chunks), default=0) * self._aggregate_size)

    @property
    def _aggregate_size(self) -> int:
        """Numbers in the largest aggregate of one node."""
        return max((paths.dim_out * paths.fan_in for paths in self.layout.path_groups), default=0) * self.num_radial

    @property
    def _edge_size(self) -> int:
        """Numbers that are gathered or computed for one edge: harmonics, radial functions, features and messages."""
        messages = [sum(paths.dim_out * paths.fan_in for paths in block.path_groups) for block in self.layout.inputs]
        features = sum(block.shape[1] * block.shape[2] for block in self.features)
        return self.harmonics.shape[1] + self.num_radial + features + max(messages, default=0)


def _block(features: Tensor, block: InputBlock) -> Tensor:
    """``(M, m, c)``: one block of flat features, in which the channels are outermost."""
    blocked: Tensor = features[:, block.features].unflatten(1, (block.channels, block.dim)).mT
    return blocked.contiguous()
