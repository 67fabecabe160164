"""Kernels of the mean and variance of vector norms over all edges, one chunk of nodes at a time."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, map_chunks
from intertwine.ops.vector_neurons._edge_vectors import EdgeChunk, EdgeVectorInputs, EdgeVectors
from intertwine.ops.vector_neurons._gradients import Gradients
from intertwine.ops.vector_neurons._vn_relu_kernels import TINY, dot


class _Moments(NamedTuple):
    """Of the norms of some edges.

    Attributes:
        num_edges: How many they are.
        mean: ``(C,)`` in float64, as is the next.
        squares: Sum of the squared differences from the mean.
    """

    num_edges: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of_chunk(cls, chunk: EdgeChunk, vectors: EdgeVectors) -> _Moments:
        """Those of a chunk's edges."""
        components = chunk.vectors(vectors).unbind()
        norms = dot(components, components).sqrt_().to(torch.float64)
        if chunk.mask is not None:
            norms.mul_(chunk.mask)
        mean = _sum_over_edges(norms).div_(chunk.num_edges)
        norms.sub_(mean)
        if chunk.mask is not None:
            norms.mul_(chunk.mask)
        return cls(chunk.num_edges, mean, _sum_over_edges(norms.square_()))

    def merge(self, other: _Moments) -> _Moments:
        """Those of the edges of both (Chan, Golub and LeVeque, 1979)."""
        num_edges, difference = self.num_edges + other.num_edges, other.mean - self.mean
        share = other.num_edges / max(num_edges, 1)
        squares = self.squares + other.squares + difference.square() * (self.num_edges * share)
        return _Moments(num_edges, self.mean + difference * share, squares)


def _sum_over_edges(values: Tensor) -> Tensor:
    """``(K, r, C) -> (C,)``, over the outermost axis first."""
    return values.sum(0).sum(0)


def forward(inputs: EdgeVectorInputs) -> tuple[Tensor, Tensor]:
    """Mean and variance ``(C,)`` of the norms over all edges, float64; zero without edges."""
    (vectors,) = inputs.vectors
    zero = torch.zeros(vectors.target.shape[2], dtype=torch.float64, device=vectors.target.device)

    def work(chunks: list[Chunk]) -> _Moments:
        moments = (_Moments.of_chunk(chunk, vectors) for chunk in map(inputs.tables, chunks))
        return reduce(_Moments.merge, moments, _Moments(0, zero, zero))

    moments = reduce(_Moments.merge, map_chunks(work, inputs.chunks(), zero.device))
    return moments.mean, moments.squares / max(moments.num_edges, 1)


def backward(
    inputs: EdgeVectorInputs, mean: Tensor, grad_mean: Tensor, grad_variance: Tensor, needs_edge_attr: bool
) -> Gradients:
    """The gradients of :func:`forward`."""
    num_edges = max(inputs.rank.shape[0], 1)
    # The gradient of a norm is quadratic norm + linear; of a vector q, (quadratic + linear / |q|) q.
    quadratic = 2 * grad_variance / num_edges
    linear = grad_mean / num_edges - quadratic * mean
    quadratic, linear = (factor.to(inputs.vectors[0].target) for factor in (quadratic, linear))
    tiny = linear.new_tensor(TINY)

    def of_chunk(chunk: EdgeChunk, d_affine: Tensor | None) -> list[Tensor]:
        return [_chunk_backward(chunk, inputs, quadratic, linear, tiny)]

    return Gradients.over_chunks(inputs, None, needs_edge_attr, of_chunk)


def _chunk_backward(
    chunk: EdgeChunk, inputs: EdgeVectorInputs, quadratic: Tensor, linear: Tensor, tiny: Tensor
) -> Tensor:
    q = chunk.vectors(inputs.vectors[0])
    components = q.unbind()
    factor = torch.addcdiv(quadratic, linear, dot(components, components, tiny).sqrt_())
    if chunk.mask is not None:
        factor.mul_(chunk.mask)
    return factor * q
