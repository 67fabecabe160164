"""The steerable convolution as one operator with derivatives of every order.

The convolution f is linear in each of features, harmonics, radial functions and weights. Hence its derivative in the
first three is f again, on three copies of the edges, and the one in the weights is f with other weights: two kernels, f
and its backward, give all that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops._conv_kernels import Call, backward, forward
from intertwine.ops._coupling import Coupling, decode, layout
from intertwine.ops._graph import Graph


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
    return backward(call, grad, needs)


@_conv.register_fake
def _(features, harmonics, radial, weights, tensor, source, rank, places, code):  # type: ignore[no-untyped-def]
    return features.new_empty(places.shape[0], layout(decode(tuple(code))).dim)


@_conv_backward.register_fake
def _(grad, features, harmonics, radial, weights, tensor, source, rank, places, code, needs):  # type: ignore[no-untyped-def]
    wanted = zip((features, harmonics, radial, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code = inputs
    ctx.save_for_backward(*tensors)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[:4])
    found = _conv_backward(grad, *ctx.saved_tensors, ctx.code, needs)
    return *(x if need else None for x, need in zip(found, needs, strict=True)), *[None] * 5


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _second_derivative(ctx, *slopes):  # type: ignore[no-untyped-def]
    """The derivatives of ``<grad, Df[directions]>``, Df being the derivative of the convolution f.

    Df in the direction of features, harmonics and radial functions is f on three copies of the edges; in that of the
    weights it is f with other weights.
    """
    grad, features, harmonics, radial, weights, *rest = ctx.saved_tensors
    *directions, by_weights = (x if need else None for x, need in zip(slopes, ctx.needs, strict=True))
    need_grad, *needs = ctx.needs_input_grad[:5]
    totals: list[Tensor | None] = [None] * 5

    def add(found: list[Tensor | None]) -> None:
        for i, x in enumerate(found):
            total = totals[i]
            totals[i] = x if total is None else total if x is None else total + x

    def both(inputs: tuple[Tensor, ...], needs: list[bool]) -> list[Tensor | None]:
        """The convolution f and the derivatives of <grad, f>."""
        value = _conv(*inputs, ctx.code) if need_grad else None
        if not any(needs):
            return [value, None, None, None, None]
        found = _conv_backward(grad, *inputs, ctx.code, needs)
        return [value, *(x if need else None for x, need in zip(found, needs, strict=True))]

    if by_weights is not None:
        found = both((features, harmonics, radial, by_weights, *rest), [*needs[:3], False])
        add(found)
    if any(x is not None for x in directions):
        copies = _Copies.of((features, harmonics, radial), directions)
        tensor, source, rank, places = rest
        graph = copies.sources(source), rank.repeat_interleave(len(copies.directions)), places
        inputs = copies.features, copies.harmonics, copies.radial, weights, tensor, *graph
        value, *found = both(inputs, needs)
        add([value, *copies.fold(found), found[3]])
    return *totals, *[None] * 6


_conv.register_autograd(_derivative, setup_context=_setup)
_conv_backward.register_autograd(_second_derivative, setup_context=_setup_backward)


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
