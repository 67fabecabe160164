"""Directions of vectors in rows: ``u = v / |v|``, zero for the zero vector, with derivatives of every order.

With the inverse length i and cotangents g of u and h of i, the gradient in v is ``i (g - u (u . g)) - i^2 u h``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops._scaled_vectors import scale_vectors
from intertwine.ops.functions._point_chunks import map_points


def _needs_scaling(squared: Tensor) -> Tensor:
    """Whether some of the squared lengths are zero, lost digits below the normal numbers, overflow, or are NaN."""
    limits = torch.finfo(squared.dtype)
    least, most = squared.aminmax()
    return ~((least > limits.tiny / limits.eps) & (most < limits.max))


@operator("unit_vectors")
def unit_vectors(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """``(N, 3) -> (3, N), (1, N)``: directions in rows, and inverse lengths, which are 0 for the zero vector."""
    rows, inverse = vectors.new_empty(3, len(vectors)), vectors.new_empty(1, len(vectors))

    def work(chunks: Sequence[slice]) -> None:
        for chunk in chunks:
            part, out = vectors[chunk].T.contiguous(), inverse[:, chunk]
            squared = part.square().sum(0, keepdim=True)
            if bool(_needs_scaling(squared)):
                factor, part, squared = scale_vectors(part, 0)
                torch.mul(squared.rsqrt(), factor, out=out)
            else:
                torch.rsqrt(squared, out=out)
            torch.mul(part, squared.rsqrt_(), out=rows[:, chunk])

    map_points(work, len(vectors), vectors.device)
    return rows, inverse


@operator("unit_vectors_vjp")
def _vjp(grad: Tensor, rows: Tensor, inverse: Tensor) -> Tensor:
    """``i (g - u (u . g))``: ``(3, N), (3, N), (1, N) -> (3, N)``."""
    result = torch.empty_like(rows)

    def work(chunks: Sequence[slice]) -> None:
        for chunk in chunks:
            g, u, out = grad[:, chunk], rows[:, chunk], result[:, chunk]
            torch.mul(u, g, out=out)
            along = out.sum(0, keepdim=True)
            torch.mul(g.sub(u * along), inverse[:, chunk], out=out)

    map_points(work, rows.shape[1], rows.device)
    return result


@unit_vectors.register_decomposition
def _(vectors: Tensor) -> tuple[Tensor, Tensor]:
    factor, scaled, squared = scale_vectors(vectors.T.contiguous(), 0)
    return scaled * squared.rsqrt(), factor * squared.rsqrt()


@_vjp.register_decomposition
def _(grad: Tensor, rows: Tensor, inverse: Tensor) -> Tensor:
    return (grad - rows * (rows * grad).sum(0, keepdim=True)) * inverse


@unit_vectors.register_fake
def _(vectors: Tensor) -> tuple[Tensor, Tensor]:
    return vectors.new_empty(3, vectors.shape[0]), vectors.new_empty(1, vectors.shape[0])


@_vjp.register_fake
def _(grad: Tensor, rows: Tensor, inverse: Tensor) -> Tensor:
    return torch.empty_like(rows)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*output)
    ctx.set_materialize_grads(False)


def _derivative(ctx, grad, of_inverse):  # type: ignore[no-untyped-def]
    rows, inverse = ctx.saved_tensors
    result = _vjp(torch.zeros_like(rows) if grad is None else grad, rows, inverse)
    return (result if of_inverse is None else result - of_inverse * inverse * inverse * rows).T


def _setup_vjp(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _derivative_of_vjp(ctx, tangent):  # type: ignore[no-untyped-def]
    grad, rows, inverse = ctx.saved_tensors
    along_grad, along = ((rows * x).sum(0, keepdim=True) for x in (grad, tangent))
    of_rows = -(along_grad * tangent + along * grad) * inverse
    of_inverse = (tangent * grad).sum(0, keepdim=True) - along * along_grad
    return _vjp(tangent, rows, inverse), of_rows, of_inverse


unit_vectors.register_autograd(_derivative, setup_context=_setup)
_vjp.register_autograd(_derivative_of_vjp, setup_context=_setup_vjp)
