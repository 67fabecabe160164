"""Symmetric contraction as a torch operator with derivatives of every order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.ops._operator import operator, will_execute
from intertwine.ops.many_body import _contraction_kernels as kernels
from intertwine.ops.many_body._layout import ContractionLayout


@operator("symmetric_contraction")
def _contraction(x: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: list[int]) -> tuple[Tensor, Tensor]:
    return kernels.forward(x, even, odd, counts, ContractionLayout(*layout))


@operator("symmetric_contraction_backward")
def _backward(
    grad: Tensor, x: Tensor, jacobian: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: list[int]
) -> Tensor:
    """The gradient in x. It is a function of grad, x and the coefficients: the Jacobian is their own."""
    return kernels.backward(grad, jacobian)


@_contraction.register_fake
def _(x: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: list[int]) -> tuple[Tensor, Tensor]:
    sizes = ContractionLayout(*layout)
    return (
        x.new_empty(x.shape[1], sizes.dim_out, x.shape[2]),
        x.new_empty(x.shape[1], sizes.dim_out, 1 + sizes.dim_in, x.shape[2]),
    )


@_backward.register_fake
def _(
    grad: Tensor, x: Tensor, jacobian: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: list[int]
) -> Tensor:
    return torch.empty_like(x)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    x, even, odd, ctx.counts, ctx.layout = inputs
    ctx.save_for_backward(x, even, odd, output[1])
    ctx.set_materialize_grads(False)


def _derivative(ctx, grad, of_jacobian):  # type: ignore[no-untyped-def]
    assert of_jacobian is None, "the Jacobian is an intermediate result, not an output"
    x, even, odd, jacobian = ctx.saved_tensors
    if grad is None:
        return (None,) * 5
    of_x = _backward(grad, x, jacobian, even, odd, ctx.counts, ctx.layout) if will_execute(ctx, 0) else None
    of_even, of_odd = (None, None)
    if will_execute(ctx, 1) or will_execute(ctx, 2):
        of_even, of_odd = _of_coefficients(grad, x, even, odd, ctx.counts, ctx.layout)
    return of_x, of_even, of_odd, None, None


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.counts, ctx.layout = inputs
    ctx.save_for_backward(*tensors)


def _derivative_of_backward(ctx, v):  # type: ignore[no-untyped-def]
    grad, x, jacobian, even, odd = ctx.saved_tensors
    layout = ContractionLayout(*ctx.layout)
    if torch.is_grad_enabled():  # for derivatives of higher orders
        tensors = (grad, x, even, odd)
        found = torch.func.vjp(lambda a, b, c, d: _directional(a, b, c, d, v, ctx.counts, layout), *tensors)
        of_grad, of_x, of_even, of_odd = found[1](torch.ones_like(found[0]))
        return of_grad, of_x, None, of_even, of_odd, None, None
    of_grad = (jacobian[:, :, 1:] * v.transpose(0, 1)[:, None]).sum(2)
    of_x = of_even = of_odd = None
    if will_execute(ctx, 1):
        of_x = kernels.second_derivative(grad, x, v, even, odd, ctx.counts, layout)
    if will_execute(ctx, 3) or will_execute(ctx, 4):
        of_even, of_odd = kernels.coefficient_gradients(grad, x, v, ctx.counts, layout)
    return of_grad, of_x, None, of_even, of_odd, None, None


_contraction.register_autograd(_derivative, setup_context=_setup)
_backward.register_autograd(_derivative_of_backward, setup_context=_setup_backward)


def _of_coefficients(grad: Tensor, x: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: list[int]) -> Any:
    """The gradients in the coefficients of ``<grad, values>``."""
    sizes = ContractionLayout(*layout)
    if not torch.is_grad_enabled():
        return kernels.coefficient_gradients(grad, x, None, counts, sizes)
    total, pullback, *_ = torch.func.vjp(lambda a, b: (_plain(x, a, b, counts, sizes) * grad).sum(), even, odd)
    return pullback(torch.ones_like(total))


def symmetric_contraction(
    x: Tensor, even: Tensor, odd: Tensor, counts: Sequence[int], layout: ContractionLayout
) -> Tensor:
    """Cubic forms in 1 and the components of each channel, with coefficients for each element and channel.

        f_o(x) = sum over a, b, c of T_o,abc z_a z_b z_c,    z = (1, x)

    Every polynomial of degree 1 to 3 without a constant term is one; which of them turn as an irrep does, the couplings
    decide from which the coefficients come (:func:`intertwine.hom.symmetric_couplings`).

    Args:
        x: ``(d, C, N)``: components, the even ones first, channels, atoms in the order of their elements.
        even: ``(elements, C, columns, rows)``, see :class:`ContractionLayout`.
        odd: Likewise.
        counts: How many atoms there are of each element.
        layout: Numbers of components.

    Returns:
        ``(C, D, N)``, the even components first.

    Cost: ``2 N C`` times columns times rows of the two matrices, for the values and, with no further product, their
    derivatives; the second derivatives take as much again. Memory: the derivatives, ``N C D (d + 1)`` numbers.
    Derivatives of every order.

    Reference: Batatia et al., MACE, NeurIPS 2022, equations 10 and 11, in the form of a single matrix product.
    """
    result: Tensor = _contraction(x, even, odd, list(counts), list(layout))[0]
    return result


def masked_contraction(x: Tensor, even: Tensor, odd: Tensor, elements: Tensor, layout: ContractionLayout) -> Tensor:
    """:func:`symmetric_contraction` for atoms in any order, by operations whose shapes do not depend on the elements.

    It computes every atom as every element: for programs that are compiled or exported.

    Args:
        x: ``(d, C, N)``.
        even: As for :func:`symmetric_contraction`.
        odd: Likewise.
        elements: ``(N,)`` the element of each atom.
        layout: Numbers of components.

    Returns:
        ``(C, D, N)``.
    """
    total = x.new_zeros(x.shape[1], layout.dim_out, x.shape[2])
    for element in range(even.shape[0]):
        mask = (elements == element).to(x.dtype)
        total = total + mask * _of_element(x * mask, even[element], odd[element], layout)
    return total


def _plain(x: Tensor, even: Tensor, odd: Tensor, counts: Sequence[int], layout: ContractionLayout) -> Tensor:
    """The values by differentiable operations of torch, element by element."""
    pieces, start = [], 0
    for element, count in enumerate(counts):
        pieces.append(_of_element(x[..., start : start + count], even[element], odd[element], layout))
        start += count
    return torch.cat(pieces, -1)


def _of_element(x: Tensor, even: Tensor, odd: Tensor, layout: ContractionLayout) -> Tensor:
    z = kernels.with_constant(x)
    e, first = layout.even, layout.even_out
    b, c, _ = layout.rows()
    b, c = b.to(x.device), c.to(x.device)
    same = torch.bmm(even, (z.index_select(0, b) * z.index_select(0, c)).transpose(0, 1))
    other = torch.bmm(odd, (z[:e, None] * z[e:]).flatten(0, 1).transpose(0, 1))
    z = z.transpose(0, 1)[:, None]
    upper = (same[:, : first * e].unflatten(1, (first, e)) * z[:, :, :e]).sum(2)
    upper = upper + (other[:, : first * layout.odd_in].unflatten(1, (first, layout.odd_in)) * z[:, :, e:]).sum(2)
    lower = (same[:, first * e :].unflatten(1, (layout.odd_out, layout.odd_in)) * z[:, :, e:]).sum(2)
    lower = lower + (other[:, first * layout.odd_in :].unflatten(1, (layout.odd_out, e)) * z[:, :, :e]).sum(2)
    return torch.cat([upper, lower], 1) / 3


def _directional(
    grad: Tensor, x: Tensor, even: Tensor, odd: Tensor, v: Tensor, counts: Sequence[int], layout: ContractionLayout
) -> Tensor:
    """``<grad, derivative of the values along v>``."""
    value: Tensor = torch.func.jvp(lambda t: _plain(t, even, odd, counts, layout), (x,), (v,))[1]
    return (grad * value).sum()
