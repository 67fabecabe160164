"""SO(2) convolution as a torch operator with derivatives of every order.

The convolution f is linear in features, radial functions, scales and weights. An infinitesimal rotation omega of an
edge changes its kernel, K -> K + L K - K L, with L the generators; so

    Df[omega] = sum over axes k of   L_k f(x, omega_k h) - f(L_k x, omega_k h),

which is f again: two kernels, f and its backward, give derivatives of every order, and none goes through the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops.graph import Graph
from intertwine.ops.so2._rotation_generators import apply_generator, torque_to_gradient
from intertwine.ops.so2._so2_args import ARGS_SCHEMA, SO2Args
from intertwine.ops.so2._so2_coupling import SO2Coupling, decode_so2_coupling
from intertwine.ops.so2._so2_inputs import SO2Inputs
from intertwine.ops.so2._so2_kernels import backward, forward

MaybeTensors = list[Tensor | None]


@operator("so2_conv", f"({ARGS_SCHEMA}) -> Tensor")
def _conv(*args: Any) -> Tensor:
    return forward(SO2Inputs.from_args(SO2Args(*args)))


@operator(
    "so2_conv_backward",
    f"(Tensor grad, {ARGS_SCHEMA}, bool[] needs) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _conv_backward(grad: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, radial functions, edge rotations (a torque), scales and weights."""
    *args, needs = rest
    return backward(SO2Inputs.from_args(SO2Args(*args)), grad, needs)


@_conv.register_fake
def _(*args: Any) -> Tensor:
    features, *_, rank_of_node, coupling = args
    outputs = decode_so2_coupling(tuple(coupling)).outputs
    dim_out = sum((2 * degree + 1) * channels for (degree, _), channels in outputs)
    result: Tensor = features.new_empty(rank_of_node.shape[0], dim_out)
    return result


@_conv_backward.register_fake
def _(grad: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    *args, needs = rest
    return tuple(x.new_empty(x.shape if need else 0) for x, need in zip(args[:5], needs, strict=True))


def _save_args(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.coupling = inputs
    ctx.save_for_backward(*tensors)


def _derivative_of_conv(ctx, grad):  # type: ignore[no-untyped-def]
    args, needs = SO2Args._make([*ctx.saved_tensors, ctx.coupling]), list(ctx.needs_input_grad[:5])
    features, radial, torque, scales, weights = _conv_backward(grad, *args, needs)
    vectors = torque_to_gradient(torque, args.vectors) if needs[2] else None
    gradients = zip((features, radial, vectors, scales, weights), needs, strict=True)
    return *(x if need else None for x, need in gradients), *[None] * 4


def _save_args_and_needs(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.coupling, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _derivative_of_backward(ctx, *cotangents):  # type: ignore[no-untyped-def]
    """The cotangents of the gradients are tangents of f: the derivatives of ``<grad, Df[tangents]>``."""
    grad, *tensors = ctx.saved_tensors
    second = _SecondDerivative(grad, SO2Args._make([*tensors, ctx.coupling]), list(ctx.needs_input_grad[:6]))
    tangents = [x if need else None for x, need in zip(cotangents, ctx.needs, strict=True)]
    for name, tangent in zip(SO2Args._fields[:5], tangents, strict=True):
        if tangent is not None and name != "vectors":
            second.add_linear(name, tangent)
    if tangents[2] is not None:
        second.add_rotation(tangents[2])
    return *second.gradients(), *[None] * 5


class _SecondDerivative:
    """Derivatives of ``<grad, Df[tangents]>``, a sum of terms ``<g, f(args)>``, in grad and the first 5 arguments."""

    def __init__(self, grad: Tensor, args: SO2Args, needs: list[bool]) -> None:
        self._grad, self._args = grad, args
        self._needs_grad, *self._needs = needs
        coupling = decode_so2_coupling(tuple(args.coupling))
        self._inputs, self._outputs = (
            [number for (degree, _), channels in blocks for number in (degree, channels)]
            for blocks in (coupling.inputs, coupling.outputs)
        )
        self._totals: MaybeTensors = [None] * 6

    def add_linear(self, name: str, tangent: Tensor) -> None:
        """Add the term of a tangent of an argument in which f is linear."""
        replaced: dict[str, Any] = {name: tangent}
        self._add(self._term(self._grad, self._args._replace(**replaced), constant=name))

    def add_rotation(self, omega: Tensor) -> None:
        """Add the terms of infinitesimal rotations of the edges, ``(E, 3)``."""
        for axis, angle in enumerate(omega.split(1, 1)):
            args = self._args._replace(radial=self._args.radial * angle)
            value, d_features, d_radial, *others = self._term(-apply_generator(self._grad, self._outputs, axis), args)
            if value is not None:
                value = apply_generator(value, self._outputs, axis)
            self._add([value, d_features, None if d_radial is None else d_radial * angle, *others])
            args = args._replace(features=apply_generator(args.features, self._inputs, axis))
            value, d_features, d_radial, *others = self._term(-self._grad, args)
            if value is not None:
                value = -value
            if d_features is not None:
                d_features = -apply_generator(d_features, self._inputs, axis)
            self._add([value, d_features, None if d_radial is None else d_radial * angle, *others])

    def gradients(self) -> MaybeTensors:
        """The sums, the torque as the gradient of the edge vectors."""
        totals, torque = list(self._totals), self._totals[3]
        if torque is not None:
            totals[3] = torque_to_gradient(torque, self._args.vectors)
        return totals

    def _term(self, grad: Tensor, args: SO2Args, constant: str | None = None) -> MaybeTensors:
        """Derivatives of ``<grad, f(args)>`` in grad, then in the arguments other than the constant one."""
        value = _conv(*args) if self._needs_grad else None
        needs = [need and name != constant for name, need in zip(SO2Args._fields[:5], self._needs, strict=True)]
        if not any(needs):
            return [value, *[None] * 5]
        gradients = _conv_backward(grad, *args, needs)
        return [value, *(x if need else None for x, need in zip(gradients, needs, strict=True))]

    def _add(self, terms: MaybeTensors) -> None:
        for i, x in enumerate(terms):
            total = self._totals[i]
            self._totals[i] = x if total is None else total if x is None else total + x


_conv.register_autograd(_derivative_of_conv, setup_context=_save_args)
_conv_backward.register_autograd(_derivative_of_backward, setup_context=_save_args_and_needs)


def so2_conv(
    features: Tensor,
    radial: Tensor,
    vectors: Tensor,
    graph: Graph,
    coupling: SO2Coupling,
    scales: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """SO(2) convolution over the edges of a graph: dense maps in the frames of the edges.

        y_i = sum_j D_out(R_ij) W S(|r_ij|) D_in(R_ij)^T x_j,        W in Hom_SO(2)

    Args:
        features: ``(M, dim_in)`` of the source nodes: the input blocks side by side, in each the channels outermost.
        radial: ``(E, H)`` radial functions of the edge lengths.
        vectors: ``(E, 3)`` edge vectors; only their directions matter.
        graph: The edges.
        coupling: The input and output blocks.
        scales: ``(H, coupling.num_scales)``: S holds ``radial @ scales``, one number for each input channel, blocks in
            ``coupling.scale_order()``.
        weights: One for each of ``coupling.weight_shapes()``.

    Returns:
        ``(N, dim_out)`` of the target nodes, the output blocks side by side.

    Law: rotating the edges and the features rotates the result; it is invariant under permutations of the edges.

    Cost: for each edge, with C channels of each degree to L, about ``4/3 C^2 L^3`` operations for the weights and
    ``16/3 C L^3`` for the rotations; the backward takes twice as many, and one more rotation. Memory: that of the
    arguments and a few megabytes, whatever the number of edges. Derivatives of every order.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, eq. 5.
    """
    flat = torch.cat([weight.flatten() for weight in weights]) if weights else radial.new_zeros(0)
    args = SO2Args(features, radial, vectors, scales, flat, *graph.indices, coupling.encode())
    result: Tensor = _conv(*args)
    return result
