"""The steerable convolution as one operator with derivatives of every order.

The convolution f is linear in each of features, harmonics, radial functions and weights. Hence its derivative in the
first three is a sum of three convolutions, and the one in the weights is f with other weights. Training on forces needs
the second derivative, which has an operator of its own that does the three at once; what follows is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.ops._conv_call import Call, Directions
from intertwine.ops._conv_kernels import backward, forward
from intertwine.ops._coupling import Coupling, decode, layout
from intertwine.ops._graph import Graph


@torch.library.custom_op("intertwine::steerable_conv", mutates_args=())
def _conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    weights: Tensor,
    tensor: Tensor,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    code: list[int],
) -> Tensor:
    return forward(Call.of(features, harmonics, radial, weights, tensor, source, rank, places, code))


@torch.library.custom_op("intertwine::steerable_conv_backward", mutates_args=())
def _conv_backward(
    grad: Tensor,
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    weights: Tensor,
    tensor: Tensor,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    code: list[int],
    needs: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    call = Call.of(features, harmonics, radial, weights, tensor, source, rank, places, code)
    _, *found = backward(call, grad, [False, *needs])
    return tuple(grad.new_empty(0) if x is None else x for x in found)  # type: ignore[return-value]


@torch.library.custom_op("intertwine::steerable_conv_slope", mutates_args=())
def _conv_slope(
    grad: Tensor,
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    weights: Tensor,
    along_features: Tensor | None,
    along_harmonics: Tensor | None,
    along_radial: Tensor | None,
    tensor: Tensor,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    code: list[int],
    needs: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The derivative Df of the convolution in a direction, and the gradients of ``<grad, Df>``."""
    along = Directions(along_features, along_harmonics, along_radial)
    call = Call.of(features, harmonics, radial, weights, tensor, source, rank, places, code, along)
    found = backward(call, grad, needs)
    return tuple(grad.new_empty(0) if x is None else x for x in found)  # type: ignore[return-value]


@_conv.register_fake
def _(features, harmonics, radial, weights, tensor, source, rank, places, code):  # type: ignore[no-untyped-def]
    return features.new_empty(places.shape[0], layout(decode(tuple(code))).dim)


@_conv_backward.register_fake
def _(grad, features, harmonics, radial, weights, tensor, source, rank, places, code, needs):  # type: ignore[no-untyped-def]
    wanted = zip((features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


@_conv_slope.register_fake
def _(grad, features, harmonics, radial, weights, ax, ay, ar, tensor, source, rank, places, code, needs):  # type: ignore[no-untyped-def]
    wanted = zip((grad, features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code = inputs
    ctx.save_for_backward(*tensors)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[:4])
    needs[3] = needs[3] and _asked_for(ctx.next_functions[3][0])
    found = _conv_backward(grad, *ctx.saved_tensors, ctx.code, needs)
    return *(x if need else None for x, need in zip(found, needs, strict=True)), *[None] * 5


def _asked_for(node: Any) -> bool:
    """Whether this backward pass goes on to a node: the one for forces goes to no weights."""
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:  # a leaf, of which the engine does not tell
        return True


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _second_derivative(ctx, *slopes):  # type: ignore[no-untyped-def]
    """The derivatives of ``<grad, Df[directions]>``, Df being the derivative of the convolution f."""
    grad, *inputs = ctx.saved_tensors
    *along, by_weights = (x if need else None for x, need in zip(slopes, ctx.needs, strict=True))
    needs = list(ctx.needs_input_grad[:5])
    totals: list[Tensor | None] = [None] * 5
    if any(x is not None for x in along):
        _add(totals, _conv_slope(grad, *inputs[:4], *along, *inputs[4:], ctx.code, needs), needs)
    if by_weights is not None:
        _add(totals, _both(grad, [*inputs[:3], by_weights, *inputs[4:]], ctx.code, [*needs[:4], False]), needs)
    return *totals, *[None] * 6


def _both(grad: Tensor, inputs: Sequence[Tensor], code: list[int], needs: list[bool]) -> list[Tensor | None]:
    """The convolution f and the derivatives of ``<grad, f>``, as far as they are needed."""
    value = _conv(*inputs, code) if needs[0] else None
    found = _conv_backward(grad, *inputs, code, needs[1:]) if any(needs[1:]) else [None] * 4
    return [x if need else None for x, need in zip((value, *found), needs, strict=True)]


def _add(totals: list[Tensor | None], found: Sequence[Tensor | None], needs: Sequence[bool]) -> None:
    for i, (x, need) in enumerate(zip(found, needs, strict=True)):
        total = totals[i]
        if need and x is not None:
            totals[i] = x if total is None else total + x


def _setup_slope(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code, ctx.needs = inputs
    ctx.save_for_backward(*tensors)


def _third_derivative(ctx, *slopes):  # type: ignore[no-untyped-def]
    """Differentiates the same thing made of convolutions, which have derivatives without end."""
    wanted = [i for i, need in enumerate(ctx.needs_input_grad) if need]
    tensors, further = ctx.saved_tensors, torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that what was made of the arguments before does not count
        arguments = [x.view_as(x) if i in wanted else x for i, x in enumerate(tensors)]
        found = _slope_of_parts(arguments, ctx.code, ctx.needs)
        pairs = [(x, slope) for x, slope, need in zip(found, slopes, ctx.needs, strict=True) if need and x is not None]
        total = sum(((x * slope).sum() for x, slope in pairs), start=arguments[0].new_zeros(()))
        gradients = torch.autograd.grad(
            total, [arguments[i] for i in wanted], create_graph=further, materialize_grads=True
        )
    result: list[Tensor | None] = [None] * 14
    for i, gradient in zip(wanted, gradients, strict=True):
        result[i] = gradient
    return tuple(result)


def _slope_of_parts(arguments: list[Tensor], code: list[int], needs: list[bool]) -> list[Tensor | None]:
    """What :func:`_conv_slope` gives, one direction at a time."""
    grad, *inputs = arguments[:5]
    totals: list[Tensor | None] = [None] * 5
    for i, direction in enumerate(arguments[5:8]):
        if direction is not None:
            replaced = [*inputs[:i], direction, *inputs[i + 1 :], *arguments[8:]]
            free = [need and j != i + 1 for j, need in enumerate(needs)]
            _add(totals, _both(grad, replaced, code, free), free)
    return totals


_conv.register_autograd(_derivative, setup_context=_setup)
_conv_backward.register_autograd(_second_derivative, setup_context=_setup_backward)
_conv_slope.register_autograd(_third_derivative, setup_context=_setup_slope)


def fused_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """The function of :func:`intertwine.ops.steerable_conv`, chunk by chunk."""
    flat = torch.cat([weight.flatten() for weight in weights])
    edges = graph.source, graph.rank, graph.places
    result: Tensor = _conv(features, harmonics, radial, flat, tensor, *edges, coupling.code())
    return result
