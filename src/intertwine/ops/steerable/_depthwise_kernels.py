"""Kernels of the depthwise convolution: forward and backward, one chunk of target nodes at a time.

A chunk has n target nodes with k edges each. Its source features are laid out as (node, component, edge, channel), so
the weights of a path multiply whole rows of edges and channels, and one matrix product for each node does both the
coupling and the sum over its edges:

    output (m_out, c) = kernel (m_out, m k) @ weighted features (m k, c)

The weights of the edges, ``radial @ weights``, exist for one chunk at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, Sums, share_chunks
from intertwine.ops.steerable._conv_args import ConvGradients
from intertwine.ops.steerable._depthwise_inputs import DepthwiseInputs


class Buffers:
    """Named buffers that one chunk after another uses: what was just written is still in cache."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._buffers: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        size = torch.Size(shape).numel()
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[name] = self._like.new_empty(size)
        return buffer[:size].view(shape)


class ChunkEdges(NamedTuple):
    """The edges of a chunk, as a padded table of n nodes and k edges each.

    Attributes:
        num_nodes: n.
        width: k.
        source: ``(n, 1, k)``.
        harmonics: ``(n, Y, k)``.
        radial: ``(n k, H)``.
    """

    num_nodes: int
    width: int
    source: Tensor
    harmonics: Tensor
    radial: Tensor

    @classmethod
    def gather(cls, inputs: DepthwiseInputs, chunk: Chunk) -> ChunkEdges:
        n, k = chunk.num_nodes, chunk.width
        harmonics = chunk.gather(inputs.harmonics).view(n, k, -1).mT
        return cls(n, k, chunk.gather(inputs.source).view(n, 1, k), harmonics, chunk.gather_masked(inputs.radial))

    def feature_rows(self, inputs: DepthwiseInputs, dim: int) -> Tensor:
        """``(n * m * k,)``: rows of the source features in a block ``(m * M, c)``."""
        offsets = torch.arange(dim, device=self.source.device)[:, None] * inputs.features_shape[0]
        return (self.source + offsets).flatten()

    def kernel(self, clebsch_gordan: Tensor) -> Tensor:
        """``(n, rows, k)``: Clebsch-Gordan tensor times harmonics."""
        return torch.bmm(clebsch_gordan.expand(self.num_nodes, -1, -1), self.harmonics)

    def weights(self, weights: Tensor, buffers: Buffers) -> Tensor:
        """``(paths, n, 1, k, c)``: the weights of each edge."""
        paths, _, channels = weights.shape
        out = buffers.get("weights", paths, self.radial.shape[0], channels)
        torch.bmm(self.radial.expand(paths, -1, -1), weights, out=out)
        return out.view(paths, self.num_nodes, 1, self.width, channels)


def forward(inputs: DepthwiseInputs) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    dim_out = sum(dim * channels for dim, channels in inputs.outputs)
    result = inputs.radial.new_zeros(inputs.node_of_rank.shape[0], dim_out)

    def work(chunks: list[Chunk]) -> Sums:
        buffers = Buffers(inputs.radial)
        for chunk in chunks:
            result.index_copy_(0, inputs.node_of_rank[chunk.nodes], _chunk_forward(inputs, chunk, buffers))
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    return result


def _chunk_forward(inputs: DepthwiseInputs, chunk: Chunk, buffers: Buffers) -> Tensor:
    edges = ChunkEdges.gather(inputs, chunk)
    n, k = edges.num_nodes, edges.width
    outputs = [buffers.get(f"output {o}", n, *shape) for o, shape in enumerate(inputs.outputs)]
    for b, (_, m, c, _, paths) in enumerate(inputs.blocks):
        x, weighted = (buffers.get(name, n, m, k, c) for name in ("features", "weighted"))
        torch.index_select(inputs.features[b], 0, edges.feature_rows(inputs, m), out=x.view(-1, c))
        kernels, weights = edges.kernel(inputs.clebsch_gordan[b]), edges.weights(inputs.weights[b], buffers)
        for path, weight in zip(paths, weights, strict=True):
            torch.mul(x, weight, out=weighted)
            kernel = kernels[:, path.rows].view(n, -1, m * k)
            outputs[path.output][:, :, path.channels] = torch.bmm(kernel, weighted.view(n, m * k, c))
    return torch.cat([block.mT.flatten(1) for block in outputs], 1)


class Totals(NamedTuple):
    """Gradients in the layout of the inputs; ``None`` where not needed.

    Attributes:
        features: All chunks of a thread add to them.
        harmonics: Each chunk writes rows of its own, those of all threads in one tensor.
        radial: Likewise.
        weights: All chunks of a thread add to them.
    """

    features: list[Tensor] | None

    harmonics: Tensor | None
    radial: Tensor | None
    weights: list[Tensor] | None

    @classmethod
    def of(cls, inputs: DepthwiseInputs, needs: list[bool]) -> Totals:
        """Zeros, for the flags of value (ignored), features, harmonics, radial functions and weights."""
        return cls(
            [torch.zeros_like(block) for block in inputs.features] if needs[1] else None,
            torch.zeros_like(inputs.harmonics) if needs[2] else None,
            torch.zeros_like(inputs.radial) if needs[3] else None,
            [torch.zeros_like(block) for block in inputs.weights] if needs[4] else None,
        )

    @classmethod
    def over_chunks(
        cls, inputs: DepthwiseInputs, needs: list[bool], add: Callable[[Chunk, Totals, Buffers], None]
    ) -> Totals:
        """The totals of all chunks, which are shared out to threads; ``add`` adds the gradients of a chunk."""
        shared = cls.of(inputs, [False, False, needs[2], needs[3], False])

        def work(chunks: list[Chunk]) -> Sums:
            own, buffers = cls.of(inputs, [False, needs[1], False, False, needs[4]]), Buffers(inputs.radial)
            for chunk in chunks:
                add(chunk, own._replace(harmonics=shared.harmonics, radial=shared.radial), buffers)
            return own.features or [], own.weights or []

        features, weights = share_chunks(work, inputs.chunks(), inputs.radial.device)
        return shared._replace(features=features if needs[1] else None, weights=weights if needs[4] else None)

    def scatter(self, chunk: Chunk, d_harmonics: Tensor | None, d_radial: Tensor | None) -> None:
        """Write the gradients of a chunk: harmonics ``(n, Y, k)``, radial functions ``(n k, H)``."""
        if d_radial is not None and self.radial is not None:
            chunk.scatter(self.radial, d_radial)
        if d_harmonics is not None and self.harmonics is not None:
            chunk.scatter(self.harmonics, d_harmonics.mT.flatten(0, 1))

    def gradients(self, inputs: DepthwiseInputs) -> ConvGradients:
        """The gradients in the layout of the arguments, without the value."""
        return ConvGradients(
            None,
            None if self.features is None else inputs.join_features(self.features),
            self.harmonics,
            self.radial,
            None if self.weights is None else inputs.join_weights(self.weights),
        )


def backward(inputs: DepthwiseInputs, grad: Tensor, needs: list[bool]) -> ConvGradients:
    """Gradients of ``<grad, value>``, as far as they are needed.

    Args:
        inputs: Of the convolution.
        grad: ``(N, dim_out)``.
        needs: Flags for value (ignored), features, harmonics, radial functions and weights.

    Returns:
        The gradients, without the value.
    """

    def add(chunk: Chunk, total: Totals, buffers: Buffers) -> None:
        grads = inputs.output_blocks(grad.index_select(0, inputs.node_of_rank[chunk.nodes]))
        _chunk_backward(inputs, chunk, grads, total, buffers)

    return Totals.over_chunks(inputs, needs, add).gradients(inputs)


def _chunk_backward(
    inputs: DepthwiseInputs, chunk: Chunk, grads: list[Tensor], total: Totals, buffers: Buffers
) -> None:
    edges = ChunkEdges.gather(inputs, chunk)
    n, k = edges.num_nodes, edges.width
    d_radial = None if total.radial is None else torch.zeros_like(edges.radial)
    d_harmonics = None if total.harmonics is None else edges.harmonics.new_zeros(edges.harmonics.shape)
    for b, (_, m, c, _, paths) in enumerate(inputs.blocks):
        if not paths:
            continue
        x, d_weighted, d_x = (buffers.get(name, n, m, k, c) for name in ("features", "d_weighted", "d_features"))
        index = edges.feature_rows(inputs, m)
        torch.index_select(inputs.features[b], 0, index, out=x.view(-1, c))
        kernels, weights = edges.kernel(inputs.clebsch_gordan[b]), edges.weights(inputs.weights[b], buffers)
        d_weights, ones = buffers.get("d_weights", len(paths), n, k, c), x.new_ones(n, 1, m)
        for p, (path, weight) in enumerate(zip(paths, weights, strict=True)):
            grad = grads[path.output][:, :, path.channels]
            if d_harmonics is not None:
                weighted = torch.mul(x, weight, out=d_weighted)
                d_kernel = torch.bmm(grad, weighted.view(n, m * k, c).mT).view(n, -1, k)
                d_harmonics.baddbmm_(inputs.clebsch_gordan[b][path.rows].T.expand(n, -1, -1), d_kernel)
            kernel = kernels[:, path.rows].view(n, -1, m * k)
            torch.bmm(kernel.mT, grad, out=d_weighted.view(n, m * k, c))
            if total.features is not None:
                torch.mul(d_weighted, weight, out=d_x) if p == 0 else d_x.addcmul_(d_weighted, weight)
            if m == 1:
                torch.mul(d_weighted, x, out=d_weights[p].unsqueeze(1))
            else:
                torch.bmm(ones, d_weighted.mul_(x).view(n, m, k * c), out=d_weights[p].view(n, 1, k * c))
        d_weights = d_weights.view(len(paths), -1, c)
        if total.features is not None:
            total.features[b].index_add_(0, index, d_x.view(-1, c))
        if total.weights is not None:
            total.weights[b].baddbmm_(edges.radial.T.expand(len(paths), -1, -1), d_weights)
        if d_radial is not None:
            for values, weight in zip(d_weights, inputs.weights[b], strict=True):
                d_radial.addmm_(values, weight.T)
    total.scatter(chunk, d_harmonics, d_radial)
