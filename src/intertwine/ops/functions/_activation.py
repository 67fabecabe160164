"""SiLU with a second derivative in one sweep: forces are gradients, and training on forces differentiates them."""

from __future__ import annotations

import torch
from torch import Tensor

_ROOM = 1 << 16  # numbers worked on at a time, so that what is in between stays in cache


@torch.library.custom_op("intertwine::silu", mutates_args=())
def _silu(x: Tensor) -> Tensor:
    result: Tensor = torch.ops.aten.silu(x)
    return result


@torch.library.custom_op("intertwine::silu_slope", mutates_args=())
def _slope(x: Tensor, grad: Tensor) -> Tensor:
    """``grad silu'(x)``."""
    result: Tensor = torch.ops.aten.silu_backward(grad, x)
    return result


@torch.library.custom_op("intertwine::silu_curvature", mutates_args=())
def _curvature(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``a b silu''(x)``."""
    result = torch.empty_like(x, memory_format=torch.contiguous_format)
    parts = (value.reshape(-1).split(_ROOM) for value in (result, x, a, b))
    for out, *rest in zip(*parts, strict=True):
        torch.mul(_second(rest[0]).mul_(rest[1]), rest[2], out=out)
    return result


def _second(x: Tensor) -> Tensor:
    """silu''(x) = s (1 - s) (2 + x (1 - 2 s)), with s = sigmoid(x)."""
    s = x.sigmoid()
    return (x * (1 - 2 * s) + 2) * (s * (1 - s))


@_silu.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@_slope.register_fake
def _(x: Tensor, grad: Tensor) -> Tensor:
    return torch.empty_like(x)


@_curvature.register_fake
def _(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _silu_backward(ctx, grad):  # type: ignore[no-untyped-def]
    (x,) = ctx.saved_tensors
    return _slope(x, grad)


def _slope_backward(ctx, direction):  # type: ignore[no-untyped-def]
    x, grad = ctx.saved_tensors
    needs_x, needs_grad = ctx.needs_input_grad
    return _curvature(x, grad, direction) if needs_x else None, _slope(x, direction) if needs_grad else None


def _curvature_backward(ctx, direction):  # type: ignore[no-untyped-def]
    x, a, b = ctx.saved_tensors
    s = x.sigmoid()
    ds = s * (1 - s)
    third = ds * ((1 - 2 * s) * (3 + x * (1 - 2 * s)) - 2 * x * ds)
    return direction * a * b * third, _curvature(x, direction, b), _curvature(x, direction, a)


_silu.register_autograd(_silu_backward, setup_context=_setup)
_slope.register_autograd(_slope_backward, setup_context=_setup)
_curvature.register_autograd(_curvature_backward, setup_context=_setup)


def silu(x: Tensor) -> Tensor:
    """``x sigmoid(x)``, made to be differentiated twice.

    Args:
        x: Any shape.

    Returns:
        The shape of ``x``. Derivatives of every order; the second is one sweep over memory rather than ten.

    Example:
        >>> silu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])
    """
    result: Tensor = _silu(x)
    return result
