"""Inputs of the depthwise convolution kernels: paths, arguments by input block, and chunks of target nodes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, chunks
from intertwine.ops.steerable._conv_args import ConvArgs
from intertwine.ops.steerable._coupling import Coupling, decode_coupling
from intertwine.ops.steerable._coupling_layout import coupling_layout

_CACHE_BYTES = {"cpu": 16 << 20}  # bytes of the intermediate results of a chunk, by type of device
_DEFAULT_BYTES = 256 << 20


class Path(NamedTuple):
    """One path from an input block to an output block.

    Attributes:
        output: Index of the output block.
        channels: Its channels in the output block.
        rows: Its (m_out, m_in) rows in the kernel of the input block.
    """

    output: int
    channels: slice
    rows: slice


class DepthwiseBlock(NamedTuple):
    """Channels of one input irrep.

    Attributes:
        features: Its columns in the input features.
        dim: m = 2 l_in + 1.
        channels: c.
        columns: Its columns of the Clebsch-Gordan tensor, in the order (path, m_out, m_in).
        paths: The paths that start here.
    """

    features: slice
    dim: int
    channels: int
    columns: tuple[int, ...]
    paths: tuple[Path, ...]

    @property
    def numbers_per_edge(self) -> int:
        """Numbers that the backward stores for each edge at a time."""
        return (3 * self.dim + 2 * len(self.paths)) * self.channels + len(self.columns)


@lru_cache(maxsize=256)
def depthwise_blocks(coupling: Coupling) -> tuple[DepthwiseBlock, ...]:
    """The input blocks of a depthwise coupling with their paths.

    Raises:
        ValueError: If an output block does not hold exactly the channels of its paths.
    """
    layout = coupling_layout(coupling)
    used, result = [0] * len(layout.outputs), []
    for block in layout.inputs:
        paths, columns, row = [], [], 0
        for group in block.path_groups:
            num_paths = group.fan_in // block.channels
            for p in range(num_paths):
                first = used[group.output]
                used[group.output] = first + block.channels
                rows = slice(row, row + group.dim_out * block.dim)
                paths.append(Path(group.output, slice(first, first + block.channels), rows))
                kernel_rows = range(group.rows.start + p, group.rows.stop, num_paths)
                columns += [block.columns.start + r * block.dim + m for r in kernel_rows for m in range(block.dim)]
                row = rows.stop
        result.append(DepthwiseBlock(block.features, block.dim, block.channels, tuple(columns), tuple(paths)))
    if used != [channels for _, channels in layout.outputs]:
        raise ValueError(
            f"each output block must hold the channels of its paths; got {coupling}, see Coupling.depthwise"
        )
    return tuple(result)


class DepthwiseInputs(NamedTuple):
    """Arguments of one call of the kernels.

    Attributes:
        features: For each input block ``(m * M, c)``, components outermost.
        features_shape: ``(M, dim_in)``.
        harmonics: ``(E, Y)``.
        radial: ``(E, H)``.
        source: ``(E,)`` source node of each edge.
        rank: ``(E,)`` rank of the target of each edge.
        node_of_rank: ``(N,)`` target node of each rank.
        clebsch_gordan: For each input block ``(rows, Y)`` with rows (path, m_out, m_in).
        weights: For each input block ``(paths, H, c)``.
        blocks: The input blocks.
        outputs: Dimension 2 l_out + 1 and channels of each output block.
    """

    features: list[Tensor]
    features_shape: torch.Size
    harmonics: Tensor
    radial: Tensor
    source: Tensor
    rank: Tensor
    node_of_rank: Tensor
    clebsch_gordan: list[Tensor]
    weights: list[Tensor]
    blocks: tuple[DepthwiseBlock, ...]
    outputs: tuple[tuple[int, int], ...]

    @classmethod
    def from_args(cls, args: ConvArgs) -> DepthwiseInputs:
        """Bring features, Clebsch-Gordan tensor and weights into the order in which the kernels read them."""
        coupling = decode_coupling(tuple(args.coupling))
        blocks, outputs = depthwise_blocks(coupling), coupling_layout(coupling).outputs
        by_output = args.weights.split([channels for _, channels in outputs], 1)
        return cls(
            [
                args.features[:, block.features]
                .unflatten(1, (block.channels, block.dim))
                .permute(2, 0, 1)
                .reshape(-1, block.channels)
                for block in blocks
            ],
            args.features.shape,
            args.harmonics,
            args.radial,
            args.source,
            args.rank,
            torch.argsort(args.rank_of_node),
            [args.clebsch_gordan.T[list(block.columns)] for block in blocks],
            [torch.stack([by_output[path.output][:, path.channels] for path in block.paths]) for block in blocks],
            blocks,
            outputs,
        )

    def chunks(self) -> list[Chunk]:
        """Chunks of target nodes whose intermediate results stay in cache."""
        edge_bytes = max((block.numbers_per_edge for block in self.blocks), default=0) * self.radial.element_size()
        max_edges = max(_CACHE_BYTES.get(self.radial.device.type, _DEFAULT_BYTES) // max(edge_bytes, 1), 1)
        return list(chunks(self.rank, self.node_of_rank.shape[0], max_edges, max_edges)) if edge_bytes else []

    def join_features(self, blocks: list[Tensor]) -> Tensor:
        """Flat features ``(M, dim_in)`` from one ``(m * M, c)`` for each input block."""
        result = self.radial.new_zeros(self.features_shape)
        for values, block in zip(blocks, self.blocks, strict=True):
            by_component = values.view(block.dim, -1, block.channels)
            result[:, block.features] = by_component.permute(1, 2, 0).flatten(1)
        return result

    def join_weights(self, blocks: list[Tensor]) -> Tensor:
        """Weights ``(H, channels_out)`` from one ``(paths, H, c)`` for each input block."""
        result = [self.radial.new_empty(self.radial.shape[1], channels) for _, channels in self.outputs]
        for values, block in zip(blocks, self.blocks, strict=True):
            for path, weight in zip(block.paths, values, strict=True):
                result[path.output][:, path.channels] = weight
        return torch.cat(result, 1)

    def output_blocks(self, flat: Tensor) -> list[Tensor]:
        """``(n, m_out, c_out)`` for each output block of flat output features ``(n, dim_out)``."""
        parts = flat.split([dim * channels for dim, channels in self.outputs], 1)
        return [
            part.unflatten(1, (channels, dim)).mT.contiguous()
            for part, (dim, channels) in zip(parts, self.outputs, strict=True)
        ]
