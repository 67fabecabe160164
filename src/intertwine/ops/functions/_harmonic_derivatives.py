"""The derivative of the solid harmonics, made of the harmonics themselves.

The gradient of a harmonic polynomial is made of those of one degree less, and equivariance leaves one way to do it:

    dY_l / dx_k = D_{l,k} Y_{l-1},   D proportional to the Clebsch-Gordan tensor (l, 1, l - 1)

So the derivative is the form S(v, g, Y) = sum_l v_k g_l . D_{l,k} Y_{l-1}, linear in a vector, a gradient and the
values. Its three partial derivatives are each other's derivatives, to any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import pi, sqrt

import torch
from torch import Tensor

from intertwine.reps import wigner_3j

CHUNK = 4096  # points worked on at a time, which stay in cache


def scale(degree: int, normalization: str) -> float:
    """Length of Y_l on the unit sphere."""
    return {"component": sqrt(2 * degree + 1), "norm": 1.0, "integral": sqrt((2 * degree + 1) / (4 * pi))}[
        normalization
    ]


@lru_cache(maxsize=64)
def _tensor(degree: int, normalization: str) -> Tensor:
    """D_l, ``(m, k, m')`` in float64; with this tensor's sign, Y_l grows along the pole there."""
    size = sqrt(degree * (4 * degree**2 - 1)) * scale(degree, normalization) / scale(degree - 1, normalization)
    return wigner_3j(degree, 1, degree - 1) * size


def _degrees(size: int, normalization: str, like: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """For each degree from 1 on: where it stands, where the one before stands, and D."""
    for degree in range(1, round(sqrt(size))):
        here, before = slice(degree**2, (degree + 1) ** 2), slice((degree - 1) ** 2, degree**2)
        yield here, before, _tensor(degree, normalization).to(like)


@torch.library.custom_op("intertwine::harmonics_by_vector", mutates_args=())
def slope(grad: Tensor, values: Tensor, normalization: str) -> Tensor:
    """dS/dv, the gradient in the points: ``(N, K), (N, K) -> (N, 3)``."""
    result = grad.new_zeros(len(grad), 3, 1)
    degrees = [(here, before, d.flatten(1)) for here, before, d in _degrees(grad.shape[1], normalization, grad)]
    for g, y, out in zip(grad.split(CHUNK), values.split(CHUNK), result.split(CHUNK), strict=True):
        for here, before, tensor in degrees:
            out.baddbmm_((g[:, here] @ tensor).unflatten(1, (3, -1)), y[:, before, None])
    return result[:, :, 0]


@torch.library.custom_op("intertwine::harmonics_by_gradient", mutates_args=())
def _by_gradient(vectors: Tensor, values: Tensor, normalization: str) -> Tensor:
    """dS/dg: ``(N, 3), (N, K) -> (N, K)``, the change of the harmonics along the vectors."""
    result = torch.zeros_like(values)
    degrees = [(h, b, d.permute(1, 2, 0).flatten(0, 1)) for h, b, d in _degrees(values.shape[1], normalization, values)]
    for v, y, out in zip(vectors.split(CHUNK), values.split(CHUNK), result.split(CHUNK), strict=True):
        for here, before, tensor in degrees:
            torch.mm((v[:, :, None] * y[:, None, before]).flatten(1), tensor, out=out[:, here])
    return result


@torch.library.custom_op("intertwine::harmonics_by_values", mutates_args=())
def _by_values(vectors: Tensor, grad: Tensor, normalization: str) -> Tensor:
    """dS/dY: ``(N, 3), (N, K) -> (N, K)``."""
    result = torch.zeros_like(grad)
    degrees = [(h, b, d.transpose(0, 1).flatten(0, 1)) for h, b, d in _degrees(grad.shape[1], normalization, grad)]
    for v, g, out in zip(vectors.split(CHUNK), grad.split(CHUNK), result.split(CHUNK), strict=True):
        for here, before, tensor in degrees:
            torch.mm((v[:, :, None] * g[:, None, here]).flatten(1), tensor, out=out[:, before])
    return result


@slope.register_fake
def _(grad: Tensor, values: Tensor, normalization: str) -> Tensor:
    return grad.new_empty(len(grad), 3)


@_by_gradient.register_fake
def _(vectors: Tensor, values: Tensor, normalization: str) -> Tensor:
    return torch.empty_like(values)


@_by_values.register_fake
def _(vectors: Tensor, grad: Tensor, normalization: str) -> Tensor:
    return torch.empty_like(grad)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.normalization = inputs
    ctx.save_for_backward(*tensors)


def _slope_derivative(ctx, vectors):  # type: ignore[no-untyped-def]
    grad, values = ctx.saved_tensors
    return _by_gradient(vectors, values, ctx.normalization), _by_values(vectors, grad, ctx.normalization), None


def _by_gradient_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    vectors, values = ctx.saved_tensors
    return slope(grad, values, ctx.normalization), _by_values(vectors, grad, ctx.normalization), None


def _by_values_derivative(ctx, values):  # type: ignore[no-untyped-def]
    vectors, grad = ctx.saved_tensors
    return slope(grad, values, ctx.normalization), _by_gradient(vectors, values, ctx.normalization), None


slope.register_autograd(_slope_derivative, setup_context=_setup)
_by_gradient.register_autograd(_by_gradient_derivative, setup_context=_setup)
_by_values.register_autograd(_by_values_derivative, setup_context=_setup)
