"""SiLU activation with a fused second derivative, which training on forces needs: forces are gradients themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops._operator import operator

_CHUNK = 1 << 16  # numbers worked on at a time, so that intermediate results stay in cache


@operator("silu")
def _silu(x: Tensor) -> Tensor:
    result: Tensor = torch.ops.aten.silu(x)
    return result


@operator("silu_backward")
def _backward(x: Tensor, grad: Tensor) -> Tensor:
    """``grad silu'(x)``."""
    result: Tensor = torch.ops.aten.silu_backward(grad, x)
    return result


@operator("silu_double_backward")
def _double_backward(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``a b silu''(x)``."""
    result = torch.empty_like(x, memory_format=torch.contiguous_format)
    chunks = (value.reshape(-1).split(_CHUNK) for value in (result, x, a, b))
    for out, *rest in zip(*chunks, strict=True):
        torch.mul(_second_derivative(rest[0]).mul_(rest[1]), rest[2], out=out)
    return result


def _second_derivative(x: Tensor) -> Tensor:
    """silu''(x) = s (1 - s) (2 + x (1 - 2 s)), with s = sigmoid(x)."""
    s = x.sigmoid()
    return (x * (1 - 2 * s) + 2) * (s * (1 - s))


_silu.register_decomposition(torch.ops.aten.silu)


@_backward.register_decomposition
def _(x: Tensor, grad: Tensor) -> Tensor:
    result: Tensor = torch.ops.aten.silu_backward(grad, x)
    return result


@_silu.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@_backward.register_fake
def _(x: Tensor, grad: Tensor) -> Tensor:
    return torch.empty_like(x)


@_double_backward.register_fake
def _(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _first_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    (x,) = ctx.saved_tensors
    return _backward(x, grad)


def _derivative_of_backward(ctx, tangent):  # type: ignore[no-untyped-def]
    x, grad = ctx.saved_tensors
    needs_x, needs_grad = ctx.needs_input_grad
    return _double_backward(x, grad, tangent) if needs_x else None, _backward(x, tangent) if needs_grad else None


def _derivative_of_double_backward(ctx, tangent):  # type: ignore[no-untyped-def]
    x, a, b = ctx.saved_tensors
    s = x.sigmoid()
    ds = s * (1 - s)
    third = ds * ((1 - 2 * s) * (3 + x * (1 - 2 * s)) - 2 * x * ds)
    return tangent * a * b * third, _double_backward(x, tangent, b), _double_backward(x, tangent, a)


_silu.register_autograd(_first_derivative, setup_context=_setup)
_backward.register_autograd(_derivative_of_backward, setup_context=_setup)
_double_backward.register_autograd(_derivative_of_double_backward, setup_context=_setup)


def silu(x: Tensor) -> Tensor:
    """SiLU activation ``x sigmoid(x)``, made to be differentiated twice.

    Args:
        x: Any shape.

    Returns:
        The shape of ``x``. Derivatives of every order; the second is one pass over memory rather than ten.

    Example:
        >>> silu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])
    """
    result: Tensor = _silu(x)
    return result
