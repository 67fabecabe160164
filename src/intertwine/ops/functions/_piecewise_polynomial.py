"""Piecewise polynomials of one variable on equal intervals: many functions read from one table."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from intertwine.ops._operator import operator

_CHUNK = 1 << 14  # points worked on at a time


@operator("piecewise_polynomial")
def _evaluate(x: Tensor, coefficients: Tensor) -> Tensor:
    intervals, order, functions = coefficients.shape
    table, result = coefficients.reshape(-1, functions), x.new_empty(x.shape[0], functions)
    powers = torch.arange(order, device=x.device)
    for points, out in zip(x.split(_CHUNK), result.split(_CHUNK), strict=True):
        scaled = points * intervals
        interval = scaled.long().clamp(0, intervals - 1)
        local = (scaled - interval) * 2 - 1
        monomials = local.new_ones(len(local), order)
        for n in range(1, order):
            torch.mul(monomials[:, n - 1], local, out=monomials[:, n])
        rows = interval[:, None] * order + powers
        out.copy_(embedding_bag(rows, table, per_sample_weights=monomials, mode="sum"))
    return result


@_evaluate.register_decomposition
def _(x: Tensor, coefficients: Tensor) -> Tensor:
    intervals, order, _ = coefficients.shape
    scaled = x * intervals
    interval = scaled.long().clamp(0, intervals - 1)
    local = ((scaled - interval) * 2 - 1)[:, None]
    rows = coefficients.index_select(0, interval)
    result = rows[:, order - 1]
    for n in range(order - 2, -1, -1):
        result = result * local + rows[:, n]
    return result


@_evaluate.register_fake
def _(x: Tensor, coefficients: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], coefficients.shape[2])


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    x, coefficients = ctx.saved_tensors
    slopes = _evaluate(x, _differentiate(coefficients))
    return (grad * slopes).sum(1), None


_evaluate.register_autograd(_derivative, setup_context=_setup)


def _differentiate(coefficients: Tensor) -> Tensor:
    """Coefficients of the derivatives in x."""
    intervals, order = coefficients.shape[:2]
    if order == 1:
        return torch.zeros_like(coefficients)
    factors = 2 * intervals * torch.arange(1, order, dtype=coefficients.dtype, device=coefficients.device)
    return coefficients[:, 1:] * factors[:, None]


def piecewise_polynomial(x: Tensor, coefficients: Tensor) -> Tensor:
    """Values of functions that are polynomials on each of n equal intervals of [0, 1].

        f_s(x) = sum_q coefficients[i, q, s] t^q,   i = floor(n x),   t = 2 (n x - i) - 1

    Args:
        x: ``(E,)``; outside of [0, 1] the polynomials of the first and of the last interval go on.
        coefficients: ``(n, order, S)``; constants, no gradient flows into them.

    Returns:
        ``(E, S)``.

    Cost: ``2 E order S`` operations. Derivatives of every order in x, exact ones of the polynomials.

    Example:
        >>> piecewise_polynomial(torch.tensor([0.25, 1.0]), torch.tensor([[[0.0], [1.0]], [[2.0], [1.0]]]))
        tensor([[0.],
                [3.]])
    """
    result: Tensor = _evaluate(x, coefficients.detach())
    return result
