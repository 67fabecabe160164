"""Convolution as a torch operator with derivatives of every order.

A convolution f is linear in each of features, harmonics, radial functions and weights. Hence

- its Jacobian-vector product Df[dx, dy, dr] is a sum of three convolutions, each with one argument replaced by its
  tangent, and the derivative in the weights is f with other weights;
- so two kernels, f and its backward (the gradients of ``<grad, f>``), give the derivatives of every order.

Training on forces needs the gradients of ``<grad, Df[dx, dy, dr]>``; a third kernel may compute all three terms at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.ops._operator import Operator, will_execute
from intertwine.ops.steerable._conv_args import (
    ARGS_SCHEMA,
    GRADIENTS_SCHEMA,
    TANGENTS_SCHEMA,
    ConvArgs,
    ConvGradients,
    Tangents,
)
from intertwine.ops.steerable._coupling import decode_coupling

MaybeTensors = list[Tensor | None]


class ConvKernels(NamedTuple):
    """The functions that compute a convolution.

    Attributes:
        forward: The convolution, ``(N, dim_out)``.
        backward: For grad ``(N, dim_out)`` and five flags, the value and the gradients of ``<grad, f>``.
        jvp_backward: The same for the Jacobian-vector product of the convolution; by three backwards if not given.
    """

    forward: Callable[[ConvArgs], Tensor]
    backward: Callable[[Tensor, ConvArgs, list[bool]], ConvGradients]
    jvp_backward: Callable[[Tensor, Tangents, ConvArgs, list[bool]], ConvGradients] | None = None


class ConvOperators(NamedTuple):
    """The operators of one convolution, whose derivatives are made of each other.

    Attributes:
        conv: ``args -> (N, dim_out)``.
        backward: ``grad, args, needs -> value, gradients``; empty tensors where ``needs`` is false.
        jvp_backward: ``grad, tangents, args, needs -> value, gradients`` or ``None``.
    """

    conv: Operator
    backward: Operator
    jvp_backward: Operator | None

    def register_derivatives(self) -> None:
        """Register the derivative of each operator with torch."""
        self.conv.register_autograd(self._derivative_of_conv, setup_context=_save_args)
        self.backward.register_autograd(self._derivative_of_backward, setup_context=_save_args_and_needs)
        if self.jvp_backward is not None:
            self.jvp_backward.register_autograd(self._derivative_of_jvp_backward, setup_context=_save_args_and_needs)

    def _derivative_of_conv(self, ctx, grad):  # type: ignore[no-untyped-def]
        args = ConvArgs._make([*ctx.saved_tensors, ctx.coupling])
        needs = [False, *(will_execute(ctx, argument) for argument in range(4))]
        _, *gradients = self._value_and_gradients(grad, args, needs)
        return *gradients, *[None] * 5

    def _derivative_of_backward(self, ctx, *cotangents):  # type: ignore[no-untyped-def]
        """The cotangents of the gradients are tangents of f: the derivatives of ``<grad, Df[tangents]>``."""
        grad, *tensors = ctx.saved_tensors
        args = ConvArgs._make([*tensors, ctx.coupling])
        of_value, *directions, of_weights = (x if need else None for x, need in zip(cotangents, ctx.needs, strict=True))
        assert of_value is None, "the first derivative asks for no value"
        tangents, needs = Tangents(*directions), [will_execute(ctx, argument) for argument in range(5)]
        totals: MaybeTensors = [None] * 5
        if any(x is not None for x in tangents):
            jvp_backward = self._jvp_by_parts if self.jvp_backward is None else self.jvp_backward
            _add(totals, jvp_backward(grad, *tangents, *args, needs), needs)
        if of_weights is not None:
            needs = [*needs[:4], False]
            _add(totals, self._value_and_gradients(grad, args._replace(weights=of_weights), needs), needs)
        return *totals, *[None] * 6

    def _derivative_of_jvp_backward(self, ctx, *cotangents):  # type: ignore[no-untyped-def]
        """Differentiates the sum of three convolutions, which has derivatives of every order."""
        wanted = [i for i, need in enumerate(ctx.needs_input_grad) if need]
        saved = ctx.saved_tensors

        def paired(*tensors: Tensor) -> Tensor:
            replaced = dict(zip(wanted, tensors, strict=True))
            outputs = self._jvp_by_parts(*(replaced.get(i, x) for i, x in enumerate(saved)), ctx.coupling, ctx.needs)
            pairs = zip(outputs, cotangents, strict=True)
            terms = ((x * cotangent).sum() for x, cotangent in pairs if x is not None and cotangent is not None)
            return sum(terms, start=tensors[0].sum() * 0)

        found: Any = torch.func.vjp(paired, *(saved[i] for i in wanted))
        total, pullback = found
        gradients = dict(zip(wanted, pullback(torch.ones_like(total)), strict=True))
        return tuple(gradients.get(i) for i in range(14))

    def _value_and_gradients(self, grad: Tensor, args: ConvArgs, needs: list[bool]) -> MaybeTensors:
        """The convolution f and the gradients of ``<grad, f>``, as far as they are needed."""
        value = self.conv(*args) if needs[0] else None
        needs = [False, *needs[1:]]
        gradients = self.backward(grad, *args, needs) if any(needs) else [None] * 5
        return [value, *(x if need else None for x, need in zip(gradients[1:], needs[1:], strict=True))]

    def _jvp_by_parts(self, *everything: Any) -> MaybeTensors:
        """Df[tangents] and the gradients of ``<grad, Df[tangents]>``, one tangent at a time."""
        grad, tangents, args, needs = everything[0], everything[1:4], ConvArgs(*everything[4:13]), everything[13]
        totals: MaybeTensors = [None] * 5
        for i, (name, tangent) in enumerate(zip(Tangents._fields, tangents, strict=True), 1):
            if tangent is not None:
                wanted = [need and j != i for j, need in enumerate(needs)]
                _add(totals, self._value_and_gradients(grad, args._replace(**{name: tangent}), wanted), wanted)
        return totals


def conv_operators(name: str, kernels: ConvKernels) -> ConvOperators:
    """Register the operator ``intertwine::name``, its backward and the derivatives of both.

    Args:
        name: Name of the operator.
        kernels: What computes it.

    Returns:
        The operators.
    """

    def forward(*args: Any) -> Tensor:
        return kernels.forward(ConvArgs(*args))

    def backward(grad: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        *args, needs = rest
        return _materialize(grad, kernels.backward(grad, ConvArgs(*args), needs))

    conv = _register(name, f"({ARGS_SCHEMA}) -> Tensor", forward)
    conv.register_fake(_fake_forward)
    conv_backward = _register(
        f"{name}_backward", f"(Tensor grad, {ARGS_SCHEMA}, bool[] needs) -> {GRADIENTS_SCHEMA}", backward
    )
    conv_backward.register_fake(lambda grad, *rest: _fake_gradients(grad, ConvArgs(*rest[:-1]), rest[-1]))
    operators = ConvOperators(conv, conv_backward, _jvp_operator(name, kernels))
    operators.register_derivatives()
    return operators


def _jvp_operator(name: str, kernels: ConvKernels) -> Operator | None:
    kernel = kernels.jvp_backward
    if kernel is None:
        return None

    def jvp_backward(grad: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        return _materialize(grad, kernel(grad, Tangents(*rest[:3]), ConvArgs(*rest[3:-1]), rest[-1]))

    schema = f"(Tensor grad, {TANGENTS_SCHEMA}, {ARGS_SCHEMA}, bool[] needs) -> {GRADIENTS_SCHEMA}"
    operator = _register(f"{name}_jvp_backward", schema, jvp_backward)
    operator.register_fake(lambda grad, *rest: _fake_gradients(grad, ConvArgs(*rest[3:-1]), rest[-1]))
    return operator


def _register(name: str, schema: str, function: Callable[..., Any]) -> Operator:
    return Operator(name, function, schema)


def _materialize(grad: Tensor, gradients: ConvGradients) -> tuple[Tensor, ...]:
    """Operators return tensors only: empty ones stand for what was not asked for."""
    return tuple(grad.new_empty(0) if x is None else x for x in gradients)


def _fake_forward(*args: Any) -> Tensor:
    features, *_, rank_of_node, coupling = args
    result: Tensor = features.new_empty(rank_of_node.shape[0], decode_coupling(tuple(coupling)).dim_out)
    return result


def _fake_gradients(grad: Tensor, args: ConvArgs, needs: list[bool]) -> tuple[Tensor, ...]:
    outputs = zip((grad, *args[:4]), needs, strict=True)
    return tuple(x.new_empty(x.shape if need else 0) for x, need in outputs)


def _add(totals: MaybeTensors, terms: Sequence[Tensor | None], needs: Sequence[bool]) -> None:
    for i, (x, need) in enumerate(zip(terms, needs, strict=True)):
        total = totals[i]
        if need and x is not None:
            totals[i] = x if total is None else total + x


def _save_args(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.coupling = inputs
    ctx.save_for_backward(*tensors)


def _save_args_and_needs(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.coupling, ctx.needs = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)
