"""Kernels of the messages of a steerable convolution, one chunk of source nodes at a time.

Messages are the adjoint of a convolution: the inputs are those of the transposed convolution, whose target nodes are
the sources of the messages and whose sources are the edges.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, Sums, share_chunks
from intertwine.ops.steerable._conv_inputs import ConvInputs
from intertwine.ops.steerable._conv_kernels import couple_transposed
from intertwine.ops.steerable._small_conv import SmallConvInputs


def messages(inputs: ConvInputs, features: Tensor) -> Tensor:
    """Messages for many channels: weights applied to each node once, then each edge coupled.

    Args:
        inputs: Of the transposed convolution; their features are not used.
        features: ``(N, dim_out of the inputs)`` of the source nodes.

    Returns:
        ``(E, dim_in of the inputs)``.
    """
    result = features.new_zeros(inputs.source.shape[0], inputs.features_shape[1])

    def work(chunks: list[Chunk]) -> Sums:
        buffer = inputs.new_aggregate(chunks)
        for chunk in chunks:
            blocks = inputs.output_blocks(features.index_select(0, inputs.node_of_rank[chunk.nodes]))
            _scatter(result, inputs.source, chunk, _chunk_messages(inputs, chunk, blocks, buffer))
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    return result


def _chunk_messages(inputs: ConvInputs, chunk: Chunk, node_blocks: list[Tensor], buffer: Tensor) -> Tensor:
    """``(n k, dim)`` from one ``(n m_out, c_out)`` for each output block of the transposed convolution."""
    n, k, num_radial = chunk.num_nodes, chunk.width, inputs.num_radial
    harmonics, radial = chunk.gather(inputs.harmonics), chunk.gather(inputs.radial).view(n, k, -1)
    result = harmonics.new_zeros(len(harmonics), inputs.features_shape[1])
    for block, clebsch_gordan in zip(inputs.layout.inputs, inputs.clebsch_gordan, strict=True):
        weighted = radial.new_empty(n, k, block.num_rows * block.channels)
        for paths in block.path_groups:
            columns = slice(paths.rows.start * block.channels, paths.rows.stop * block.channels)
            aggregate = buffer[: n * (columns.stop - columns.start) * num_radial]
            nodes = node_blocks[paths.output]
            torch.mm(nodes, inputs.weight(paths).T, out=aggregate.view(nodes.shape[0], -1))
            weighted[:, :, columns] = torch.bmm(radial, aggregate.view(n, -1, num_radial).mT)
        kernel = (harmonics @ clebsch_gordan).unflatten(1, (-1, block.dim))
        coupled = couple_transposed(kernel, weighted.flatten(0, 1).unflatten(1, (block.num_rows, -1)))
        result[:, block.features].unflatten(1, (block.channels, -1)).copy_(coupled.mT)
    return result


def small_messages(inputs: SmallConvInputs, features: Tensor) -> Tensor:
    """Messages for few channels: for each node one matrix from harmonics x radial functions to the message."""
    result = features.new_zeros(inputs.source.shape[0], inputs.features.shape[1])

    def work(chunks: list[Chunk]) -> Sums:
        for chunk in chunks:
            matrices = features.index_select(0, inputs.node_of_rank[chunk.nodes]) @ inputs.matrix.T
            harmonics, radial = chunk.gather(inputs.harmonics), chunk.gather(inputs.radial)
            filters = (harmonics[:, :, None] * radial[:, None, :]).view(chunk.num_nodes, chunk.width, -1)
            table = torch.bmm(filters, matrices.view(chunk.num_nodes, result.shape[1], -1).mT)
            _scatter(result, inputs.source, chunk, table.flatten(0, 1))
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    return result


def _scatter(result: Tensor, edge_numbers: Tensor, chunk: Chunk, table: Tensor) -> None:
    """Write a chunk's messages ``(n k, dim)`` into the rows of their edges."""
    result[edge_numbers[chunk.edges]] = table if chunk.mask is None else table[chunk.mask]
