"""A convolution as one operator with derivatives of every order.

A convolution f is linear in each of features, harmonics, radial functions and weights. Hence its derivative Df in the
first three is a sum of three convolutions, and the one in the weights is f with other weights: two kernels, f and its
backward, give all that follow. Training on forces needs the gradients of Df; a third kernel may do the three at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef

from intertwine.ops.steerable._coupling import decode, layout


class Directions(NamedTuple):
    """A direction in the space of features, harmonics and radial functions; ``None`` stands for zero."""

    features: Tensor | None
    harmonics: Tensor | None
    radial: Tensor | None


class Gradients(NamedTuple):
    """The gradients of ``<grad, value>``, and the value itself; ``None`` where not asked for."""

    value: Tensor | None
    features: Tensor | None
    harmonics: Tensor | None
    radial: Tensor | None
    weights: Tensor | None


class Kernels(NamedTuple):
    """What computes a convolution.

    Attributes:
        forward: ``(features, harmonics, radial, weights, tensor, source, rank, places, code) -> (N, dim_out)``.
        backward: ``(grad, needs, those nine) -> Gradients`` as far as ``needs`` asks, the value first.
        slope: The same for the derivative of the convolution, ``(grad, needs, directions, those nine)``; made of the
            other two where there is none.
    """

    forward: Callable[..., Tensor]
    backward: Callable[..., Gradients]
    slope: Callable[..., Gradients] | None = None


def operator(name: str, kernels: Kernels) -> CustomOpDef:
    """Make the operator ``intertwine::name``, its backward and the derivatives of both.

    Args:
        name: Its name among torch's operators.
        kernels: What computes it.

    Returns:
        The operator, a function of the nine arguments of ``kernels.forward``.
    """

    @torch.library.custom_op(f"intertwine::{name}", mutates_args=())
    def conv(
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
        return kernels.forward(features, harmonics, radial, weights, tensor, source, rank, places, code)

    @torch.library.custom_op(f"intertwine::{name}_backward", mutates_args=())
    def backward(
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
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        arguments = features, harmonics, radial, weights, tensor, source, rank, places, code
        return _given(grad, kernels.backward(grad, needs, *arguments))

    conv.register_fake(_fake)
    backward.register_fake(_fake_backward)
    derivatives = _Derivatives(conv, backward, None if kernels.slope is None else _slope(name, kernels.slope))
    derivatives.register()
    return conv


def _slope(name: str, kernel: Callable[..., Gradients]) -> CustomOpDef:
    @torch.library.custom_op(f"intertwine::{name}_slope", mutates_args=())
    def slope(
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
        along = Directions(along_features, along_harmonics, along_radial)
        arguments = features, harmonics, radial, weights, tensor, source, rank, places, code
        return _given(grad, kernel(grad, needs, along, *arguments))

    slope.register_fake(_fake_slope)
    return slope


def _given(grad: Tensor, found: Gradients) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """An operator returns tensors only: empty ones stand for what was not asked for."""
    value, features, harmonics, radial, weights = (grad.new_empty(0) if x is None else x for x in found)
    return value, features, harmonics, radial, weights


def _fake(features, harmonics, radial, weights, tensor, source, rank, places, code):  # type: ignore[no-untyped-def]
    return features.new_empty(places.shape[0], layout(decode(tuple(code))).dim)


def _fake_backward(  # type: ignore[no-untyped-def]
    grad, features, harmonics, radial, weights, tensor, source, rank, places, code, needs
):
    wanted = zip((grad, features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


def _fake_slope(  # type: ignore[no-untyped-def]
    grad, features, harmonics, radial, weights, dx, dy, dr, tensor, source, rank, places, code, needs
):
    wanted = zip((grad, features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


class _Derivatives(NamedTuple):
    """The operators of one convolution, each of which differentiates into the others."""

    conv: CustomOpDef
    backward: CustomOpDef
    slope: CustomOpDef | None

    def register(self) -> None:
        """Tell torch."""
        self.conv.register_autograd(self.first, setup_context=_save)
        self.backward.register_autograd(self.second, setup_context=_save_with_needs)
        if self.slope is not None:
            self.slope.register_autograd(self.third, setup_context=_save_with_needs)

    def first(self, ctx, grad):  # type: ignore[no-untyped-def]
        """The derivative of the convolution."""
        needs = [False, *ctx.needs_input_grad[:4]]
        needs[4] = needs[4] and _asked_for(ctx.next_functions[3][0])
        _, *found = self.both(grad, ctx.saved_tensors, ctx.code, needs)
        return *found, *[None] * 5

    def second(self, ctx, *slopes):  # type: ignore[no-untyped-def]
        """The derivative of the backward: that of ``<grad, Df>`` in the direction of the slopes, and f itself."""
        grad, *inputs = ctx.saved_tensors
        by_value, *along, by_weights = (x if need else None for x, need in zip(slopes, ctx.needs, strict=True))
        assert by_value is None, "the first derivative asks for no value"
        needs = list(ctx.needs_input_grad[:5])
        totals: list[Tensor | None] = [None] * 5
        if any(x is not None for x in along):
            arguments = [grad, *inputs[:4], *along, *inputs[4:]]
            slope = self.parts if self.slope is None else self.slope
            _add(totals, slope(*arguments, ctx.code, needs), needs)
        if by_weights is not None:
            kept = [*needs[:4], False]
            _add(totals, self.both(grad, [*inputs[:3], by_weights, *inputs[4:]], ctx.code, kept), kept)
        return *totals, *[None] * 6

    def third(self, ctx, *slopes):  # type: ignore[no-untyped-def]
        """Differentiates the slope made of convolutions, which have derivatives without end."""
        wanted = [i for i, need in enumerate(ctx.needs_input_grad) if need]
        tensors, further = ctx.saved_tensors, torch.is_grad_enabled()
        with torch.enable_grad():
            # views, so that what the arguments were made of does not count
            arguments = [x.view_as(x) if i in wanted else x for i, x in enumerate(tensors)]
            found = zip(self.parts(*arguments, ctx.code, ctx.needs), slopes, strict=True)
            pairs = [(x, slope) for x, slope in found if x is not None and slope is not None]
            total = sum(((x * slope).sum() for x, slope in pairs), start=arguments[0].new_zeros(()))
            into = [arguments[i] for i in wanted]
            gradients = torch.autograd.grad(total, into, create_graph=further, materialize_grads=True)
        result: list[Tensor | None] = [None] * 14
        for i, gradient in zip(wanted, gradients, strict=True):
            result[i] = gradient
        return tuple(result)

    def both(self, grad: Tensor, inputs: Sequence[Tensor], code: list[int], needs: list[bool]) -> list[Tensor | None]:
        """The convolution f and the derivatives of ``<grad, f>``, as far as they are needed."""
        value = self.conv(*inputs, code) if needs[0] else None
        asked = [False, *needs[1:]]
        found = self.backward(grad, *inputs, code, asked) if any(asked) else [None] * 5
        return [value, *(x if need else None for x, need in zip(found[1:], needs[1:], strict=True))]

    def parts(self, *everything: Any) -> list[Tensor | None]:
        """Df in the direction of arguments 5 to 7 and the gradients of ``<grad, Df>``, one direction at a time."""
        (grad, *inputs), along, (*rest, code, needs) = everything[:5], everything[5:8], everything[8:]
        totals: list[Tensor | None] = [None] * 5
        for i, direction in enumerate(along):
            if direction is not None:
                replaced = [*inputs[:i], direction, *inputs[i + 1 :], *rest]
                free = [need and j != i + 1 for j, need in enumerate(needs)]
                _add(totals, self.both(grad, replaced, code, free), free)
        return totals


def _add(totals: list[Tensor | None], found: Sequence[Tensor | None], needs: Sequence[bool]) -> None:
    for i, (x, need) in enumerate(zip(found, needs, strict=True)):
        total = totals[i]
        if need and x is not None:
            totals[i] = x if total is None else total + x


def _save(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code = inputs
    ctx.save_for_backward(*tensors)


def _save_with_needs(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _asked_for(node: Any) -> bool:
    """Whether this backward pass goes on to a node: the one for forces goes to no weights."""
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:  # a leaf, of which the engine does not tell
        return True
