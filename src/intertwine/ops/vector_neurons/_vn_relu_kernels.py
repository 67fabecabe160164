"""Kernels of the VN-ReLU on edges with the mean over neighbors: forward and backward, one chunk of nodes at a time.

    out = f q + c min(f <q, k>, 0) / D k,     f = scale + shift / (|q| + eps),     D = |k|^2 + eps,     c = slope - 1

The vectors q and k of a chunk's edges are computed, used and dropped while they are in cache; the backward computes
them again.
"""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, map_chunks
from intertwine.ops.vector_neurons._edge_vectors import EdgeChunk, EdgeVectorInputs
from intertwine.ops.vector_neurons._gradients import Gradients

VN_EPSILON = 1e-6  # added to norms that divide, as in the authors' code
TINY = 1e-30  # added where a zero vector would divide by zero

Components = tuple[Tensor, ...]


def dot(a: Components, b: Components, start: Tensor | None = None) -> Tensor:
    """Inner products over the components, added to ``start``."""
    total = torch.mul(a[0], b[0]) if start is None else torch.addcmul(start, a[0], b[0])
    for c in range(1, len(a)):
        total.addcmul_(a[c], b[c])
    return total


def _mask_nonnegative(values: Tensor, x: Tensor) -> None:
    """Zero the values where x >= 0, in one pass: the derivative of min(x, 0)."""
    torch.ops.aten.hardtanh_backward.grad_input(values, x, -inf, 0.0, grad_input=values)


def forward(inputs: EdgeVectorInputs, affine: Tensor | None, negative_slope: float) -> Tensor:
    """The mean over the neighbors of each node, ``(n, N, C)``; zero without neighbors."""
    result = torch.zeros_like(inputs.vectors[0].target)
    epsilon = result.new_tensor(VN_EPSILON)

    def work(chunks: list[Chunk]) -> None:
        for chunk in map(inputs.tables, chunks):
            total = _sum_over_neighbors(chunk, inputs, affine, negative_slope, epsilon)
            result[:, chunk.chunk.nodes] = total.div_(chunk.degrees)

    map_chunks(work, inputs.chunks(), result.device)
    return inputs.by_node(result)


def _sum_over_neighbors(
    chunk: EdgeChunk, inputs: EdgeVectorInputs, affine: Tensor | None, negative_slope: float, epsilon: Tensor
) -> Tensor:
    """``(n, r, C)``. A function of its own: its memory is freed at the end, and the next chunk finds it in cache."""
    q, k = (chunk.vectors(vectors) for vectors in inputs.vectors)
    q_components, k_components = q.unbind(), k.unbind()
    coefficient = dot(q_components, k_components)
    if affine is None:
        out = q.clone()
    else:
        norm = dot(q_components, q_components).sqrt_().add_(VN_EPSILON)
        factor = torch.addcdiv(affine[0], affine[1], norm)
        coefficient.mul_(factor)
        out = factor * q
    coefficient.clamp_max_(0).div_(dot(k_components, k_components, epsilon))
    out.addcmul_(coefficient, k, value=negative_slope - 1)
    if chunk.mask is not None:
        out.mul_(chunk.mask)
    return out.sum(1)


def backward(
    inputs: EdgeVectorInputs, affine: Tensor | None, negative_slope: float, grad: Tensor, needs_edge_attr: bool
) -> Gradients:
    """The gradients of :func:`forward`."""
    grad = inputs.by_rank(grad)
    epsilon = grad.new_tensor(VN_EPSILON)

    def of_chunk(chunk: EdgeChunk, d_affine: Tensor | None) -> list[Tensor]:
        return _chunk_backward(chunk, inputs, affine, negative_slope, grad, epsilon, d_affine)

    return Gradients.over_chunks(inputs, affine, needs_edge_attr, of_chunk)


def _chunk_backward(
    chunk: EdgeChunk,
    inputs: EdgeVectorInputs,
    affine: Tensor | None,
    negative_slope: float,
    grad: Tensor,
    epsilon: Tensor,
    d_affine: Tensor | None,
) -> list[Tensor]:
    """Gradients ``(n, K, r, C)`` of a chunk's vectors; adds to those of scale and shift."""
    g = (grad[:, chunk.chunk.nodes] / chunk.degrees)[:, None]
    if chunk.mask is not None:
        g = g * chunk.mask
    q, k = (chunk.vectors(vectors) for vectors in inputs.vectors)
    if affine is None:
        return _relu_backward(q, k, g, negative_slope - 1, epsilon)
    return _normalized_relu_backward(q, k, g, negative_slope - 1, epsilon, affine, d_affine)


def _relu_backward(q: Tensor, k: Tensor, g: Tensor, c: float, epsilon: Tensor) -> list[Tensor]:
    """Gradients of q and k for the gradient g of the output, without normalization."""
    q_components, k_components, g_components = q.unbind(), k.unbind(), g.unbind()
    coefficient = dot(q_components, k_components)
    divisor = dot(k_components, k_components, epsilon)
    d_coefficient = dot(g_components, k_components).div_(divisor)
    _mask_nonnegative(d_coefficient, coefficient)
    coefficient.clamp_max_(0).div_(divisor)
    d_q = torch.addcmul(g, d_coefficient, k, value=c)
    d_k = (coefficient * g).addcmul_(d_coefficient, q).mul_(c)
    d_k.addcmul_(coefficient.mul_(d_coefficient), k, value=-2 * c)
    return [d_q, d_k if k.shape[3] == d_k.shape[3] else d_k.sum(3, keepdim=True)]


def _normalized_relu_backward(
    q: Tensor, k: Tensor, g: Tensor, c: float, epsilon: Tensor, affine: Tensor, d_affine: Tensor | None
) -> list[Tensor]:
    """The same with normalization; adds to the gradients of scale and shift."""
    scale, shift = affine.unbind()
    q_components, k_components, g_components = q.unbind(), k.unbind(), g.unbind()
    q_dot_k = dot(q_components, k_components)
    divisor = dot(k_components, k_components, epsilon)
    d_coefficient = dot(g_components, k_components).div_(divisor)
    squared = dot(q_components, q_components)
    norm = squared.sqrt()
    d_inverse = squared.add_(norm, alpha=VN_EPSILON).clamp_min_(TINY).reciprocal_()
    inverse = norm.mul_(d_inverse)  # 1 / (|q| + eps), but zero for a zero vector, where the norm has gradient zero
    factor = torch.addcmul(scale, shift, inverse)
    coefficient = factor * q_dot_k
    _mask_nonnegative(d_coefficient, coefficient)
    coefficient.clamp_max_(0).div_(divisor)
    d_factor = dot(g_components, q_components).addcmul_(d_coefficient, q_dot_k, value=c)
    d_shift = d_factor * inverse
    if d_affine is not None:
        d_affine += torch.stack([d_factor.sum(0), d_shift.sum(0)]).sum(1)
    d_norm = d_shift.mul_(d_inverse).mul_(shift)
    d_q, d_k = factor * g, coefficient * g
    d_dot = factor.mul_(d_coefficient)
    d_q.addcmul_(d_dot, k, value=c).addcmul_(d_norm, q, value=-1)
    d_k.addcmul_(d_dot, q).mul_(c).addcmul_(coefficient.mul_(d_coefficient), k, value=-2 * c)
    return [d_q, d_k if k.shape[3] == d_k.shape[3] else d_k.sum(3, keepdim=True)]
