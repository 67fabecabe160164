"""A convolution as one operator with derivatives of every order.

A convolution f is linear in each of features, harmonics, radial functions and weights. Hence its derivative in the
first three is f again, on three copies of the edges, and the one in the weights is f with other weights: two kernels, f
and its backward, give all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef

from intertwine.ops._coupling import decode, layout

T = TypeVar("T")


class _Copies(NamedTuple):
    """The edges once for each direction: in each copy that one argument is replaced by its direction."""

    directions: tuple[int, ...]
    features: Tensor
    harmonics: Tensor
    radial: Tensor
    size: int

    @classmethod
    def of(cls, arguments: tuple[Tensor, ...], directions: Sequence[Tensor | None]) -> _Copies:
        given = tuple(i for i, x in enumerate(directions) if x is not None)
        features = arguments[0]
        size = features.shape[0]
        if directions[0] is not None:
            features = torch.cat([features, directions[0]])

        def stack(i: int) -> Tensor:
            copies = [x if i == j and x is not None else arguments[i] for j, x in enumerate(directions) if j in given]
            return torch.stack(copies, 1).flatten(0, 1)

        return cls(given, features, stack(1), stack(2), size)

    def sources(self, source: Tensor) -> Tensor:
        """``(copies * E,)``: the copy in the direction of the features reads those below them."""
        return torch.stack([source + (self.size if i == 0 else 0) for i in self.directions], 1).flatten()

    def fold(self, found: list[Tensor | None]) -> list[Tensor | None]:
        """Gradients of the arguments from those of their copies; the directions' own are dropped."""
        features, *on_edges = found[:3]
        folded = [None if features is None else features[: self.size]]
        for i, x in enumerate(on_edges, 1):
            kept = [k for k, j in enumerate(self.directions) if j != i]
            folded.append(None if x is None else x.unflatten(0, (-1, len(self.directions)))[:, kept].sum(1))
        return folded


class _Operators(NamedTuple):
    """A convolution and its backward as torch knows them."""

    conv: CustomOpDef
    backward: CustomOpDef

    def both(
        self, grad: Tensor, inputs: tuple[Tensor, ...], code: list[int], value: bool, needs: list[bool]
    ) -> list[Tensor | None]:
        """The convolution f and the derivatives of <grad, f>, where asked for."""
        result = self.conv(*inputs, code) if value else None
        found = self.backward(grad, *inputs, code, needs) if any(needs) else (None,) * 4
        return [result, *(x if need else None for x, need in zip(found, needs, strict=True))]

    def second(
        self,
        tensors: tuple[Tensor, ...],
        code: list[int],
        slopes: Sequence[Tensor | None],
        value: bool,
        needs: list[bool],
    ) -> list[Tensor | None]:
        """The derivatives of ``<grad, Df[slopes]>``, Df being the derivative of the convolution f.

        Df in the direction of features, harmonics and radial functions is f on three copies of the edges; in that of
        the weights it is f with other weights.
        """
        grad, features, harmonics, radial, weights, *rest = tensors
        *directions, by_weights = slopes
        totals: list[Tensor | None] = [None] * 5

        def add(found: list[Tensor | None]) -> None:
            for i, x in enumerate(found):
                total = totals[i]
                totals[i] = x if total is None else total if x is None else total + x

        if by_weights is not None:
            inputs = features, harmonics, radial, by_weights, *rest
            add(self.both(grad, inputs, code, value, [*needs[:3], False]))
        if any(x is not None for x in directions):
            copies = _Copies.of((features, harmonics, radial), directions)
            tensor, source, rank, places = rest
            graph = copies.sources(source), rank.repeat_interleave(len(copies.directions)), places
            inputs = copies.features, copies.harmonics, copies.radial, weights, tensor, *graph
            result, *found = self.both(grad, inputs, code, value, needs)
            add([result, *copies.fold(found), found[3]])
        return totals


def operator(
    name: str,
    call: Callable[..., T],
    forward: Callable[[T], Tensor],
    backward: Callable[[T, Tensor, list[bool]], tuple[Tensor, Tensor, Tensor, Tensor]],
) -> Callable[..., Tensor]:
    """Make the operator ``intertwine::name``, its backward and the derivatives of both.

    Args:
        name: Its name among torch's operators.
        call: Prepares ``(features, harmonics, radial, weights, tensor, source, rank, places, code)`` for the kernels.
        forward: The convolution.
        backward: Gradients of the first four arguments from that of the result; empty where not needed.

    Returns:
        The operator, a function of the same nine arguments: the coupling's code last, a graph's edges before it.
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
        return forward(call(features, harmonics, radial, weights, tensor, source, rank, places, code))

    @torch.library.custom_op(f"intertwine::{name}_backward", mutates_args=())
    def conv_backward(
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
        return backward(call(features, harmonics, radial, weights, tensor, source, rank, places, code), grad, needs)

    conv.register_fake(_fake)
    conv_backward.register_fake(_fake_backward)
    _differentiate(_Operators(conv, conv_backward))
    return conv


def _fake(features, harmonics, radial, weights, tensor, source, rank, places, code):  # type: ignore[no-untyped-def]
    return features.new_empty(places.shape[0], layout(decode(tuple(code))).dim)


def _fake_backward(  # type: ignore[no-untyped-def]
    grad, features, harmonics, radial, weights, tensor, source, rank, places, code, needs
):
    wanted = zip((features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


def _differentiate(operators: _Operators) -> None:
    """Register the derivative of the convolution and that of its backward, each made of the two."""

    def setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
        *tensors, ctx.code = inputs
        ctx.save_for_backward(*tensors)

    def derivative(ctx, grad):  # type: ignore[no-untyped-def]
        _, *found = operators.both(grad, ctx.saved_tensors, ctx.code, False, list(ctx.needs_input_grad[:4]))
        return *found, *[None] * 5

    def setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
        *tensors, ctx.code, ctx.needs = inputs
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)

    def second_derivative(ctx, *slopes):  # type: ignore[no-untyped-def]
        value, *needs = ctx.needs_input_grad[:5]
        directions = [x if need else None for x, need in zip(slopes, ctx.needs, strict=True)]
        return *operators.second(ctx.saved_tensors, ctx.code, directions, value, needs), *[None] * 6

    operators.conv.register_autograd(derivative, setup_context=setup)
    operators.backward.register_autograd(second_derivative, setup_context=setup_backward)
