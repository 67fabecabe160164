"""Kernels of the mean and variance of vector norms over all edges, one chunk of nodes at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.vector_neurons._edge_vectors import EdgeChunk, EdgeVectorInputs
from intertwine.ops.vector_neurons._gradients import Gradients
from intertwine.ops.vector_neurons._vn_relu_kernels import TINY, dot


def _sum_over_edges(values: Tensor) -> Tensor:
    """``(K, r, C) -> (C,)``, first over the K edges of each node, then over the nodes in float64, in whatever order."""
    return values.sum(0).sum(0, dtype=torch.float64)


def forward(inputs: EdgeVectorInputs) -> tuple[Tensor, Tensor]:
    """Mean and variance ``(C,)`` of the norms over all edges, float64; zero without edges."""
    (vectors,) = inputs.vectors
    mean = torch.zeros(vectors.target.shape[2], dtype=torch.float64, device=vectors.target.device)
    squares = torch.zeros_like(mean)
    count = 0
    for chunk in inputs.chunks():
        components = chunk.vectors(vectors).unbind()
        norms = dot(components, components).sqrt_()
        if chunk.mask is not None:
            norms.mul_(chunk.mask)
        chunk_mean = _sum_over_edges(norms).div_(chunk.num_edges)
        norms.sub_(chunk_mean.to(norms))
        if chunk.mask is not None:
            norms.mul_(chunk.mask)
        total = count + chunk.num_edges
        delta = chunk_mean - mean
        squares += _sum_over_edges(norms.square_()) + delta.square() * (count * chunk.num_edges / total)
        mean += delta * (chunk.num_edges / total)
        count = total
    return mean, squares / max(count, 1)


def backward(
    inputs: EdgeVectorInputs, mean: Tensor, grad_mean: Tensor, grad_variance: Tensor, needs_edge_attr: bool
) -> Gradients:
    """The gradients of :func:`forward`."""
    total = Gradients.zeros(inputs, None, needs_edge_attr)
    num_edges = max(inputs.rank.shape[0], 1)
    # The gradient of a norm is quadratic norm + linear; of a vector q, (quadratic + linear / |q|) q.
    quadratic = 2 * grad_variance / num_edges
    linear = grad_mean / num_edges - quadratic * mean
    quadratic, linear = (factor.to(inputs.vectors[0].target) for factor in (quadratic, linear))
    tiny = linear.new_tensor(TINY)
    for chunk in inputs.chunks():
        total.add(inputs, chunk, [_chunk_backward(chunk, inputs, quadratic, linear, tiny)])
    return total.by_node(inputs)


def _chunk_backward(
    chunk: EdgeChunk, inputs: EdgeVectorInputs, quadratic: Tensor, linear: Tensor, tiny: Tensor
) -> Tensor:
    q = chunk.vectors(inputs.vectors[0])
    components = q.unbind()
    factor = torch.addcdiv(quadratic, linear, dot(components, components, tiny).sqrt_())
    if chunk.mask is not None:
        factor.mul_(chunk.mask)
    return factor * q
