"""The SO(2) convolution as one operator with derivatives of every order.

The convolution f is linear in features, radial functions, scales and weights. A turn omega of an edge turns its
kernel, K -> K + L K - K L, with L the generators; so

    Df[omega] = sum over axes k of   L_k f(x, omega_k h) - f(L_k x, omega_k h),

which is f again: two kernels, f and its backward, give derivatives of every order, and none goes through the frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.so2._so2_coupling import SO2Coupling, decode_edges
from intertwine.ops.so2._so2_kernels import EdgeCall, backward, forward
from intertwine.ops.so2._wigner_factors import torque_to_gradient, turn_features


@torch.library.custom_op("intertwine::so2_conv", mutates_args=())
def _conv(
    features: Tensor,
    radial: Tensor,
    vectors: Tensor,
    scales: Tensor,
    weights: Tensor,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    code: list[int],
) -> Tensor:
    return forward(EdgeCall.of(features, radial, vectors, scales, weights, source, rank, places, code))


@torch.library.custom_op("intertwine::so2_conv_backward", mutates_args=())
def _conv_backward(
    grad: Tensor,
    features: Tensor,
    radial: Tensor,
    vectors: Tensor,
    scales: Tensor,
    weights: Tensor,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    code: list[int],
    needs: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    call = EdgeCall.of(features, radial, vectors, scales, weights, source, rank, places, code)
    return backward(call, grad, needs)


@_conv.register_fake
def _(features, radial, vectors, scales, weights, source, rank, places, code):  # type: ignore[no-untyped-def]
    outputs = decode_edges(tuple(code)).outputs
    return features.new_empty(places.shape[0], sum((2 * label[0] + 1) * channels for label, channels in outputs))


@_conv_backward.register_fake
def _(grad, features, radial, vectors, scales, weights, source, rank, places, code, needs):  # type: ignore[no-untyped-def]
    wanted = zip((features, radial, vectors, scales, weights), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in wanted)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code = inputs
    ctx.save_for_backward(*tensors)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[:5])
    found = _conv_backward(grad, *ctx.saved_tensors, ctx.code, needs)
    by_turn = torque_to_gradient(found[2], ctx.saved_tensors[2]) if needs[2] else None
    return *(x if need else None for x, need in zip((*found[:2], by_turn, *found[3:]), needs, strict=True)), *[None] * 4


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.code, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _second_derivative(ctx, *slopes):  # type: ignore[no-untyped-def]
    """The derivatives of ``<grad, Df[directions]>``, a sum of terms ``<g, f(x, h, r, s, w)>``."""
    grad, features, radial, vectors, scales, weights, *graph = ctx.saved_tensors
    need_grad, *needs = ctx.needs_input_grad[:6]
    coupling = decode_edges(tuple(ctx.code))
    inputs, outputs = (
        [number for (degree, _), channels in blocks for number in (degree, channels)]
        for blocks in (coupling.inputs, coupling.outputs)
    )
    totals: list[Tensor | None] = [None] * 6
    given = [x if need else None for x, need in zip(slopes, ctx.needs, strict=True)]

    def add(found: list[Tensor | None]) -> None:
        for i, x in enumerate(found):
            total = totals[i]
            totals[i] = x if total is None else total if x is None else total + x

    def term(g: Tensor, arguments: Sequence[Tensor], constant: int | None = None) -> list[Tensor | None]:
        """Of ``<g, f(arguments)>``: the derivative in g, then in the arguments other than the constant one."""
        value = _conv(*arguments, *graph, ctx.code) if need_grad else None
        wanted = [need and i != constant for i, need in enumerate(needs)]
        if not any(wanted):
            return [value, *[None] * 5]
        found = _conv_backward(g, *arguments, *graph, ctx.code, wanted)
        return [value, *(x if want else None for x, want in zip(found, wanted, strict=True))]

    plain = [features, radial, vectors, scales, weights]
    for i in (0, 1, 3, 4):
        direction = given[i]
        if direction is not None:
            add(term(grad, [*plain[:i], direction, *plain[i + 1 :]], i))
    for axis, omega in enumerate(() if given[2] is None else given[2].split(1, 1)):
        moved = [features, radial * omega, vectors, scales, weights]
        value, by_features, by_radial, *others = term(-turn_features(grad, outputs, axis), moved)
        if value is not None:
            value = turn_features(value, outputs, axis)
        add([value, by_features, None if by_radial is None else by_radial * omega, *others])
        moved[0] = turn_features(features, inputs, axis)
        value, by_features, by_radial, *others = term(-grad, moved)
        if value is not None:
            value = -value
        if by_features is not None:
            by_features = -turn_features(by_features, inputs, axis)
        add([value, by_features, None if by_radial is None else by_radial * omega, *others])
    if totals[3] is not None:
        totals[3] = torque_to_gradient(totals[3], vectors)
    return *totals, *[None] * 5


_conv.register_autograd(_derivative, setup_context=_setup)
_conv_backward.register_autograd(_second_derivative, setup_context=_setup_backward)


def so2_conv(
    features: Tensor,
    radial: Tensor,
    vectors: Tensor,
    graph: Graph,
    coupling: SO2Coupling,
    scales: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """Convolution over the edges of a graph by dense maps in the frames of the edges.

        y_i = sum_j D_out(R_ij) W S(|r_ij|) D_in(R_ij)^T x_j,        W in Hom_SO(2)

    Args:
        features: ``(M, dim_in)``: the input blocks side by side, in each the channels outermost. The sources of the
            edges are among these rows.
        radial: ``(E, H)`` radial functions of the edge lengths.
        vectors: ``(E, 3)`` the edges; only their directions matter.
        graph: The edges, as :func:`arrange` gives them.
        coupling: The blocks.
        scales: ``(H, coupling.scales)``: S holds ``radial @ scales``, one number for each input channel, blocks in
            ``coupling.scale_order()``.
        weights: One for each of ``coupling.weight_shapes()``.

    Returns:
        ``(N, dim_out)``, the output blocks side by side.

    Law: rotating the edges and the features rotates the result; permuting edges changes nothing.

    Cost: for each edge, with C channels of each degree to L, about ``4/3 C^2 L^3`` operations to mix and ``16/3 C L^3``
    to rotate; the backward takes twice as many, and rotates once more. Memory: that of the arguments and a few
    megabytes, whatever the number of edges. Derivatives of every order.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, eq. 5.
    """
    flat = torch.cat([weight.flatten() for weight in weights]) if weights else radial.new_zeros(0)
    edges = graph.source, graph.rank, graph.places
    result: Tensor = _conv(features, radial, vectors, scales, flat, *edges, coupling.code())
    return result
