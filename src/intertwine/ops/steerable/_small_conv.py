"""Steerable convolution of few channels: aggregated first, then one matrix from all aggregates to all outputs.

    Z_i = sum_j x_j (x) Y(r_ij) (x) R(r_ij),        y_i = Z_i (Clebsch-Gordan x weights)

The only work for each edge is in two matrix products, however small the blocks are. The price is a matrix from all
inputs, harmonics and radial functions to all outputs, which grows with the product of the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._constant_weights import from_weights
from intertwine.ops._operator import float32_under_autocast
from intertwine.ops.graph import Chunk, Graph, Sums, chunks, share_chunks
from intertwine.ops.steerable._conv_args import ConvArgs, ConvGradients
from intertwine.ops.steerable._conv_autograd import ConvKernels, conv_operators
from intertwine.ops.steerable._conv_decomposition import small_conv_forward
from intertwine.ops.steerable._coupling import Coupling

_CACHE_BYTES = {"cpu": 3 << 19}  # bytes of a chunk's Z, by type of device
_DEFAULT_BYTES = 64 << 20


class SmallConvInputs(NamedTuple):
    """Arguments of one call of the kernels.

    Attributes:
        features: ``(M, dim_in)``.
        harmonics: ``(E, Y)``.
        radial: ``(E, H)``.
        matrix: ``(dim_in * Y * H, dim_out)`` Clebsch-Gordan coefficients times weights.
        source: ``(E,)`` source node of each edge.
        rank: ``(E,)`` rank of the target of each edge.
        node_of_rank: ``(N,)`` target node of each rank.
    """

    features: Tensor
    harmonics: Tensor
    radial: Tensor
    matrix: Tensor
    source: Tensor
    rank: Tensor
    node_of_rank: Tensor

    @classmethod
    def from_args(cls, args: ConvArgs) -> SmallConvInputs:
        """Shape the weights; the coupling is in them already."""
        features, harmonics, radial, weights, _, source, rank, rank_of_node, _ = args
        matrix = weights.view(features.shape[1] * harmonics.shape[1] * radial.shape[1], -1)
        return cls(features, harmonics, radial, matrix, source, rank, torch.argsort(rank_of_node))

    def chunks(self) -> list[Chunk]:
        """Chunks of target nodes whose Z stays in cache."""
        capacity = _CACHE_BYTES.get(self.radial.device.type, _DEFAULT_BYTES) // self.radial.element_size()
        max_nodes = max(capacity // max(self.matrix.shape[0], 1), 8)
        return list(chunks(self.rank, self.node_of_rank.shape[0], max_nodes))

    def gather(self, chunk: Chunk) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A chunk's source features ``(n, k, dim_in)``, filters ``(n, k, Y * H)``, harmonics and radial functions."""
        features = self.features.index_select(0, chunk.gather(self.source))
        harmonics, radial = chunk.gather_masked(self.harmonics), chunk.gather(self.radial)
        filters = (harmonics[:, :, None] * radial[:, None, :]).flatten(1)
        shape = chunk.num_nodes, chunk.width, -1
        return features.view(shape), filters.view(shape), harmonics, radial


def forward(inputs: SmallConvInputs) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    result = inputs.radial.new_zeros(inputs.node_of_rank.shape[0], inputs.matrix.shape[1])

    def work(chunks: list[Chunk]) -> Sums:
        for chunk in chunks:
            features, filters, _, _ = inputs.gather(chunk)
            z = torch.bmm(features.mT, filters).view(chunk.num_nodes, -1)
            result.index_copy_(0, inputs.node_of_rank[chunk.nodes], z @ inputs.matrix)
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    return result


def backward(inputs: SmallConvInputs, grad: Tensor, needs: list[bool]) -> ConvGradients:
    """The value and the gradients of ``<grad, value>``, as far as they are needed.

    Args:
        inputs: Of the convolution.
        grad: ``(N, dim_out)``.
        needs: Flags for value, features, harmonics, radial functions and weights.

    Returns:
        The gradients.
    """
    value = torch.zeros_like(grad) if needs[0] else None
    d_harmonics = torch.zeros_like(inputs.harmonics) if needs[2] else None
    d_radial = torch.zeros_like(inputs.radial) if needs[3] else None

    def work(chunks: list[Chunk]) -> Sums:
        d_features = torch.zeros_like(inputs.features) if needs[1] else None
        d_matrix = torch.zeros_like(inputs.matrix) if needs[4] else None
        for chunk in chunks:
            nodes = inputs.node_of_rank[chunk.nodes]
            chunk_grad = grad.index_select(0, nodes)
            features, filters, y, r = inputs.gather(chunk)
            if d_matrix is not None or value is not None:
                z = torch.bmm(features.mT, filters).view(chunk.num_nodes, -1)
                if d_matrix is not None:
                    d_matrix.addmm_(z.T, chunk_grad)
                if value is not None:
                    value.index_copy_(0, nodes, z @ inputs.matrix)
            if d_features is None and d_harmonics is None and d_radial is None:
                continue
            d_z = (chunk_grad @ inputs.matrix.T).view(chunk.num_nodes, features.shape[2], -1)
            if d_features is not None:
                d_features.index_add_(0, chunk.gather(inputs.source), torch.bmm(filters, d_z.mT).flatten(0, 1))
            if d_harmonics is not None or d_radial is not None:
                d_filters = torch.bmm(features, d_z).view(-1, y.shape[1], r.shape[1])
                if d_harmonics is not None:
                    chunk.scatter(d_harmonics, torch.bmm(d_filters, r[:, :, None])[:, :, 0])
                if d_radial is not None:
                    chunk.scatter(d_radial, torch.bmm(y[:, None], d_filters)[:, 0])
        return [] if d_features is None else [d_features], [] if d_matrix is None else [d_matrix]

    features, matrix = share_chunks(work, inputs.chunks(), inputs.radial.device)
    d_features, d_matrix = features[0] if needs[1] else None, matrix[0].flatten() if needs[4] else None
    return ConvGradients(value, d_features, d_harmonics, d_radial, d_matrix)


def _forward(args: ConvArgs) -> Tensor:
    return forward(SmallConvInputs.from_args(args))


def _backward(grad: Tensor, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    return backward(SmallConvInputs.from_args(args), grad, needs)


operators = conv_operators("small_steerable_conv", ConvKernels(_forward, _backward))
operators.conv.register_decomposition(small_conv_forward)


def small_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """:func:`intertwine.ops.steerable_conv` in the order for few channels: aggregate first, then couple."""
    num_radial = radial.shape[1]
    matrix = from_weights(
        lambda: coupling_matrix(coupling, clebsch_gordan, list(weights), num_radial).flatten(),
        ("small_conv", coupling, num_radial),
        weights,
    )
    args = ConvArgs(features, harmonics, radial, matrix, clebsch_gordan, *graph.indices, coupling.encode())
    result: Tensor = operators.conv(*args)
    return result


@float32_under_autocast
def coupling_matrix(coupling: Coupling, clebsch_gordan: Tensor, weights: Sequence[Tensor], num_radial: int) -> Tensor:
    """Sum over all paths of Clebsch-Gordan coefficients times weights, ``(dim_in * Y * H, dim_out)``."""
    num_harmonics = clebsch_gordan.shape[0]
    rows, column, weight = [], 0, iter(weights)
    for i, ((l_in, _), channels_in) in enumerate(coupling.inputs):
        m_in, blocks = 2 * l_in + 1, []
        for o, ((l_out, _), channels_out) in enumerate(coupling.outputs):
            m_out, paths = 2 * l_out + 1, len(coupling.paths(i, o))
            if not paths:
                zeros = channels_in * m_in * num_harmonics * num_radial, channels_out * m_out
                blocks.append(clebsch_gordan.new_zeros(zeros))
                continue
            end = column + m_out * paths * m_in
            coefficients = clebsch_gordan[:, column:end].unflatten(1, (m_out, paths, m_in))
            path_weights = next(weight).view(paths, channels_in, num_radial, channels_out)
            block = torch.einsum("yopi,pchd->ciyhdo", coefficients, path_weights)
            blocks.append(block.flatten(0, 3).flatten(1))
            column = end
        rows.append(torch.cat(blocks, 1))
    return torch.cat(rows)
