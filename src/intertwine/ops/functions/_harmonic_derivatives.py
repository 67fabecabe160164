"""Derivatives of the solid harmonics, expressed in the harmonics of one degree less.

The gradient of a harmonic polynomial of degree l is a harmonic polynomial of degree l - 1, and equivariance leaves one
way to couple them:

    dY_l / dx_k = D_{l,k} Y_{l-1},   D proportional to the Clebsch-Gordan tensor (l, 1, l - 1)

So the derivative is the trilinear form S(v, g, Y) = sum_l v_k g_l . D_{l,k} Y_{l-1} of a tangent vector v, a cotangent
g and the values Y. Its three partial derivatives are each other's derivatives, to any order:

    vjp  = dS/dv (g, Y)      the gradient in the points
    jvp  = dS/dg (v, Y)      the derivative of the harmonics along v
    grad = dS/dY (v, g)      the gradient of both in the values
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import pi, sqrt

import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops.functions._point_chunks import CHUNK, map_points
from intertwine.reps import wigner_3j


def harmonic_norm(degree: int, normalization: str) -> float:
    """Norm of Y_l on the unit sphere."""
    return {"component": sqrt(2 * degree + 1), "norm": 1.0, "integral": sqrt((2 * degree + 1) / (4 * pi))}[
        normalization
    ]


@lru_cache(maxsize=64)
def derivative_tensor(degree: int, normalization: str) -> Tensor:
    """D_l, ``(m, k, m')`` in float64; with this sign of the Clebsch-Gordan tensor, Y_l grows along the pole there."""
    norms = harmonic_norm(degree, normalization) / harmonic_norm(degree - 1, normalization)
    return wigner_3j(degree, 1, degree - 1) * (sqrt(degree * (4 * degree**2 - 1)) * norms)


def _degrees(size: int, normalization: str, like: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """For each degree l from 1 on: the columns of l, the columns of l - 1, and D_l."""
    for degree in range(1, round(sqrt(size))):
        columns, lower = slice(degree**2, (degree + 1) ** 2), slice((degree - 1) ** 2, degree**2)
        yield columns, lower, derivative_tensor(degree, normalization).to(like)


@operator("solid_harmonics_vjp")
def harmonics_vjp(grad: Tensor, values: Tensor, normalization: str) -> Tensor:
    """dS/dv, the gradient in the points: ``(N, K), (N, K) -> (N, 3)``."""
    result, lower_size = grad.new_empty(3, len(grad)), (round(sqrt(grad.shape[1])) - 1) ** 2
    degrees = [
        (columns, slice(3 * lower.start, 3 * lower.stop), d.permute(2, 1, 0).flatten(0, 1))
        for columns, lower, d in _degrees(grad.shape[1], normalization, grad)
    ]

    def work(chunks: Sequence[slice]) -> None:
        products, lower_values = (grad.new_empty(rows, min(CHUNK, len(grad))) for rows in (3 * lower_size, lower_size))
        for chunk in chunks:
            size = chunk.stop - chunk.start
            coupled, below = products[:, :size], lower_values[:, :size]
            for columns, rows, matrix in degrees:
                torch.mm(matrix, grad[chunk, columns].T, out=coupled[rows])
            below.copy_(values[chunk, :lower_size].T)
            by_axis = coupled.unflatten(0, (lower_size, 3)).mul_(below[:, None])
            torch.sum(by_axis, 0, out=result[:, chunk])

    map_points(work, len(grad), grad.device)
    return result.T


@operator("solid_harmonics_jvp")
def _harmonics_jvp(vectors: Tensor, values: Tensor, normalization: str) -> Tensor:
    """dS/dg, the derivative of the harmonics along the vectors: ``(N, 3), (N, K) -> (N, K)``."""
    result = torch.zeros_like(values)
    degrees = [(c, b, d.permute(1, 2, 0).flatten(0, 1)) for c, b, d in _degrees(values.shape[1], normalization, values)]
    for v, y, out in zip(vectors.split(CHUNK), values.split(CHUNK), result.split(CHUNK), strict=True):
        for columns, lower, tensor in degrees:
            torch.mm((v[:, :, None] * y[:, None, lower]).flatten(1), tensor, out=out[:, columns])
    return result


@operator("solid_harmonics_grad")
def _harmonics_grad(vectors: Tensor, grad: Tensor, normalization: str) -> Tensor:
    """dS/dY, the gradient in the values: ``(N, 3), (N, K) -> (N, K)``."""
    result = torch.zeros_like(grad)
    degrees = [(c, b, d.transpose(0, 1).flatten(0, 1)) for c, b, d in _degrees(grad.shape[1], normalization, grad)]
    for v, g, out in zip(vectors.split(CHUNK), grad.split(CHUNK), result.split(CHUNK), strict=True):
        for columns, lower, tensor in degrees:
            torch.mm((v[:, :, None] * g[:, None, columns]).flatten(1), tensor, out=out[:, lower])
    return result


@harmonics_vjp.register_decomposition
def _(grad: Tensor, values: Tensor, normalization: str) -> Tensor:
    total = torch.zeros_like(grad[:, :3])
    for columns, lower, tensor in _degrees(grad.shape[1], normalization, grad):
        coupled = (grad[:, columns] @ tensor.flatten(1)).unflatten(1, tensor.shape[1:])
        total = total + (coupled * values[:, None, lower]).sum(2)
    return total


@harmonics_vjp.register_fake
def _(grad: Tensor, values: Tensor, normalization: str) -> Tensor:
    return grad.new_empty(3, grad.shape[0]).T


@_harmonics_jvp.register_fake
def _(vectors: Tensor, values: Tensor, normalization: str) -> Tensor:
    return torch.empty_like(values)


@_harmonics_grad.register_fake
def _(vectors: Tensor, grad: Tensor, normalization: str) -> Tensor:
    return torch.empty_like(grad)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.normalization = inputs
    ctx.save_for_backward(*tensors)


def _derivative_of_vjp(ctx, vectors):  # type: ignore[no-untyped-def]
    grad, values = ctx.saved_tensors
    return _harmonics_jvp(vectors, values, ctx.normalization), _harmonics_grad(vectors, grad, ctx.normalization), None


def _derivative_of_jvp(ctx, grad):  # type: ignore[no-untyped-def]
    vectors, values = ctx.saved_tensors
    return harmonics_vjp(grad, values, ctx.normalization), _harmonics_grad(vectors, grad, ctx.normalization), None


def _derivative_of_grad(ctx, values):  # type: ignore[no-untyped-def]
    vectors, grad = ctx.saved_tensors
    return harmonics_vjp(grad, values, ctx.normalization), _harmonics_jvp(vectors, values, ctx.normalization), None


harmonics_vjp.register_autograd(_derivative_of_vjp, setup_context=_setup)
_harmonics_jvp.register_autograd(_derivative_of_jvp, setup_context=_setup)
_harmonics_grad.register_autograd(_derivative_of_grad, setup_context=_setup)
