"""Kernel of the backward of the depthwise convolution's derivative, which training on forces asks for.

With the kernel a of an edge, its weights w and source features s, the convolution is ``sum_e a (w s)``, and along
tangents

    Df = sum_e a (w s' + w' s) + a' (w s)

The gradients of ``<g, Df>`` are all made of ``t = a^T g`` and ``t' = a'^T g``. Quantities and their tangents are
stacked along a first axis of length 2, and go through one matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk
from intertwine.ops.steerable._conv_args import ConvArgs, ConvGradients, Tangents
from intertwine.ops.steerable._depthwise_inputs import DepthwiseBlock, DepthwiseInputs, Path
from intertwine.ops.steerable._depthwise_kernels import Buffers, ChunkEdges, Totals


class _Pair(NamedTuple):
    """One input block of a chunk of n nodes with k edges: values and tangents along the first axis.

    Attributes:
        features: ``(2, n, m, k, c)``, s and s'.
        kernels: ``(2 n, rows, k)``, a and a'.
        weights: ``(paths, 2, n, 1, k, c)``, w and w'.
        products: ``(2, n, m, k, c)``, workspace.
        of_features: ``(n, m, k, c)``, where the gradient in s is summed.
        of_weights: ``(paths, 2, n, k, c)``, those in w and w'.
    """

    features: Tensor
    kernels: Tensor
    weights: Tensor
    products: Tensor
    of_features: Tensor
    of_weights: Tensor

    def value(self, p: int, path: Path) -> Tensor:
        """``(n, m_out, c)``, the path's part of Df; ``a dq``, with ``q = w s`` and its tangent dq."""
        (x, dx), (weight, d_weight) = self.features, self.weights[p]
        q = self.products
        torch.mul(dx, weight, out=q[0]).addcmul_(x, d_weight)
        torch.mul(x, weight, out=q[1])
        _, n, m, k, c = q.shape
        found = torch.bmm(self.kernels[:, path.rows].reshape(2 * n, -1, m * k), q.view(2 * n, m * k, c))
        return found[:n].add_(found[n:])

    def gradients(self, p: int, path: Path, grad: Tensor, needs_features: bool) -> None:
        """Fill the gradients in the weights, and add to that in the features, for ``grad (2 n, m_out, c)``."""
        (x, dx), (weight, d_weight) = self.features, self.weights[p]
        _, n, m, k, c = self.products.shape
        kernel = self.kernels[:, path.rows].reshape(2 * n, -1, m * k)
        torch.bmm(kernel.mT, grad, out=self.products.view(2 * n, m * k, c))
        t, dt = self.products
        if needs_features:
            torch.mul(dt, weight, out=self.of_features) if p == 0 else self.of_features.addcmul_(dt, weight)
            self.of_features.addcmul_(t, d_weight)
        dt.mul_(x).addcmul_(t, dx)
        t.mul_(x)
        of_weight, of_d_weight = self.of_weights[p]
        for out, values in ((of_weight, dt), (of_d_weight, t)):
            torch.sum(values, 1, out=out)


def jvp_backward(grad: Tensor, tangents: Tangents, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    """Df[tangents] and the gradients of ``<grad, Df[tangents]>``, as far as they are needed.

    Args:
        grad: ``(N, dim_out)``.
        tangents: Of features, harmonics and radial functions; ``None`` is zero.
        args: Of the convolution.
        needs: Flags for value, features, harmonics, radial functions and weights.

    Returns:
        The value and the gradients.
    """
    inputs = DepthwiseInputs.from_args(args)
    moved = args._replace(
        features=_or_zeros(tangents.features, args.features),
        harmonics=_or_zeros(tangents.harmonics, args.harmonics),
        radial=_or_zeros(tangents.radial, args.radial),
    )
    tangent = DepthwiseInputs.from_args(moved)
    value = torch.zeros_like(grad) if needs[0] else None

    def add(chunk: Chunk, total: Totals, buffers: Buffers) -> None:
        nodes = inputs.node_of_rank[chunk.nodes]
        grads = inputs.output_blocks(grad.index_select(0, nodes))
        outputs = [torch.empty_like(block) for block in grads]
        _chunk(inputs, tangent, chunk, grads, outputs, total, buffers, needs)
        if value is not None:
            value.index_copy_(0, nodes, torch.cat([block.mT.flatten(1) for block in outputs], 1))

    return Totals.over_chunks(inputs, needs, add).gradients(inputs)._replace(value=value)


def _or_zeros(tangent: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if tangent is None else tangent


def _chunk(
    inputs: DepthwiseInputs,
    tangent: DepthwiseInputs,
    chunk: Chunk,
    grads: list[Tensor],
    outputs: list[Tensor],
    total: Totals,
    buffers: Buffers,
    needs: list[bool],
) -> None:
    """Fill the outputs of a chunk, and add to the gradients."""
    edges, moved = ChunkEdges.gather(inputs, chunk), ChunkEdges.gather(tangent, chunk)
    n, k = edges.num_nodes, edges.width
    twice = [block.repeat(2, 1, 1) for block in grads]
    radial = torch.cat([edges.radial, moved.radial])
    d_radial = torch.zeros_like(edges.radial) if total.radial is not None else None
    d_harmonics = torch.zeros_like(edges.harmonics) if total.harmonics is not None else None
    for b, block in enumerate(inputs.blocks):
        if not block.paths:
            continue
        index = edges.feature_rows(inputs, block.dim)
        pair = _gather(inputs, tangent, b, block, (edges, moved), radial, index, buffers)
        for p, path in enumerate(block.paths):
            if needs[0] or d_harmonics is not None:
                found = pair.value(p, path)
                outputs[path.output][:, :, path.channels] = found
            if d_harmonics is not None:
                dq = pair.products[0].view(n, -1, block.channels)
                d_kernel = torch.bmm(grads[path.output][:, :, path.channels], dq.mT).view(n, -1, k)
                d_harmonics.baddbmm_(inputs.clebsch_gordan[b][path.rows].T.expand(n, -1, -1), d_kernel)
            pair.gradients(p, path, twice[path.output][:, :, path.channels], total.features is not None)
        by_path = pair.of_weights.view(len(block.paths), 2, n * k, block.channels)
        if total.features is not None:
            total.features[b].index_add_(0, index, pair.of_features.view(-1, block.channels))
        if total.weights is not None:
            total.weights[b].baddbmm_(radial.T.expand(len(by_path), -1, -1), by_path.flatten(1, 2))
        if d_radial is not None:
            for values, weight in zip(by_path, inputs.weights[b], strict=True):
                d_radial.addmm_(values[0], weight.T)
    total.scatter(chunk, d_harmonics, d_radial)


def _gather(
    inputs: DepthwiseInputs,
    tangent: DepthwiseInputs,
    b: int,
    block: DepthwiseBlock,
    edges: tuple[ChunkEdges, ChunkEdges],
    radial: Tensor,
    index: Tensor,
    buffers: Buffers,
) -> _Pair:
    """The values and tangents of one input block."""
    n, k, m, c, paths = edges[0].num_nodes, edges[0].width, block.dim, block.channels, len(block.paths)
    features, products = (buffers.get(name, 2, n, m, k, c) for name in ("features", "products"))
    for source, out in zip((inputs, tangent), features, strict=True):
        torch.index_select(source.features[b], 0, index, out=out.view(-1, c))
    kernels = torch.cat([each.kernel(inputs.clebsch_gordan[b]) for each in edges])
    weights = buffers.get("weights", paths, 2 * n * k, c)
    torch.bmm(radial.expand(paths, -1, -1), inputs.weights[b], out=weights)
    of_features, of_weights = buffers.get("d_features", n, m, k, c), buffers.get("d_weights", paths, 2, n, k, c)
    return _Pair(features, kernels, weights.view(paths, 2, n, 1, k, c), products, of_features, of_weights)
