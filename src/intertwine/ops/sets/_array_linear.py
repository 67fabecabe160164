"""Exchangeable linear maps of a dense array, with few passes over it.

    y = x W + sum over the proper subsets S of the axes of  mean_S(x) M_S  + b

mean_S keeps the axes in S and averages over the others; what it is mapped to is repeated along these. As with observed
entries, the derivative is the same map with transposed matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from math import prod
from typing import Any

import torch
from torch import Tensor

from intertwine.ops._operator import operator


def _subsets(order: int) -> list[tuple[int, ...]]:
    """The proper subsets of the axes, the largest first."""
    return [kept for size in reversed(range(order)) for kept in combinations(range(order), size)]


def _shares(values: Tensor) -> list[int]:
    """How many entries of an array each mean is of."""
    sizes = values.shape[1:-1]
    averaged = [[size for axis, size in enumerate(sizes) if axis not in kept] for kept in _subsets(len(sizes))]
    return [torch.sym_max(prod(each), 1) for each in averaged]


def _rows(values: Tensor) -> list[int]:
    """How many means there are for each subset."""
    sizes = values.shape[1:-1]
    return [prod(sizes[axis] for axis in kept) for kept in _subsets(len(sizes))]


def _means(values: Tensor) -> Tensor:
    """The means over each subset, one subset after the other, ``(B, G, C)``: each from one that keeps an axis more."""
    order = values.ndim - 2
    means = {tuple(range(order)): values}
    for kept in _subsets(order):
        missing = next(axis for axis in range(order) if axis not in kept)
        more = tuple(sorted({*kept, missing}))
        dim = 1 + more.index(missing)
        means[kept] = means[more].sum(dim) / torch.sym_max(values.shape[1 + missing], 1)
    return torch.cat([means[kept].flatten(1, -2) if kept else means[kept][:, None] for kept in _subsets(order)], 1)


def _each(change: Callable[..., Tensor], tables: Tensor, by: Iterable[Any], values: Tensor) -> Tensor:
    """The table of each subset changed by what belongs to it: a number or a matrix."""
    parts = tables.split(_rows(values), 1)
    return torch.cat([change(part, one) for part, one in zip(parts, by, strict=True)], 1)


@operator("spread_and_map")
def _spread_and_map(tables: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    sizes, subsets = values.shape[1:-1], _subsets(values.ndim - 2)
    spread = {}
    for kept, table in zip(subsets, tables.split(_rows(values), 1), strict=True):
        shape = [size if axis in kept else 1 for axis, size in enumerate(sizes)]
        spread[kept] = table.reshape(table.shape[0], *shape, table.shape[2])
    for kept in reversed(subsets[len(sizes) :]):  # the smaller ones join a larger one while these are small
        more = next(other for other in spread if len(other) == len(kept) + 1 and {*kept} <= {*other})
        spread[more] = spread[more] + spread.pop(kept)
    first, second, *others = spread.values()
    result: Tensor = first + second
    for other in others:
        result += other
    result.flatten(0, -2).addmm_(values.flatten(0, -2), weight)
    return result


@_spread_and_map.register_fake
def _(tables: Tensor, values: Tensor, weight: Tensor) -> Tensor:
    return values.new_empty(*values.shape[:-1], weight.shape[1])


def _setup_spread(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[1:])


def _spread_backward(ctx, grad):  # type: ignore[no-untyped-def]
    values, weight = ctx.saved_tensors
    return _each(torch.mul, _means(grad), _shares(grad), grad), grad @ weight.mT, _products(values, grad)


_spread_and_map.register_autograd(_spread_backward, setup_context=_setup_spread)


def _products(left: Tensor, right: Tensor) -> Tensor:
    """``(C, D)``, the sum of outer products of the rows of two arrays."""
    return left.flatten(0, -2).mT @ right.flatten(0, -2)


@operator("array_linear")
def _array_linear(values: Tensor, weight: Tensor, maps: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    means = _means(values)
    tables = _each(torch.matmul, means, maps, values)
    tables[:, -1] += bias
    return _spread_and_map(tables, values, weight), means


@_array_linear.register_fake
def _(values: Tensor, weight: Tensor, maps: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    means = values.new_empty(values.shape[0], sum(_rows(values)), values.shape[-1])
    return values.new_empty(*values.shape[:-1], weight.shape[1]), means


def _setup_linear(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[:3], output[1])
    ctx.set_materialize_grads(False)


def _linear_backward(ctx, grad, grad_means):  # type: ignore[no-untyped-def]
    values, weight, maps, means = ctx.saved_tensors
    back = None if grad_means is None else _each(torch.div, grad_means, _shares(values), values)
    if grad is None:
        zero = weight.new_zeros(weight.shape[0], weight.shape[0])
        return None if back is None else _spread_and_map(back, values, zero), None, None, None
    of_grad = _means(grad)
    mapped = _each(torch.matmul, of_grad, maps.mT, values)
    grad_values = _spread_and_map(mapped if back is None else mapped + back, grad, weight.mT)
    sums = _each(torch.mul, of_grad, _shares(values), values)
    rows = _rows(values)
    pairs = zip(means.split(rows, 1), sums.split(rows, 1), strict=True)
    grad_maps = torch.stack([_products(one, other) for one, other in pairs])
    return grad_values, _products(values, grad), grad_maps, sums[:, -1].sum(0)


_array_linear.register_autograd(_linear_backward, setup_context=_setup_linear)


def array_linear(values: Tensor, weight: Tensor, maps: Tensor, bias: Tensor | None = None) -> Tensor:
    """Map the entries of a dense array and their means along each proper subset of the axes.

    Args:
        values: ``(B, n_1, ..., n_k, C)``, k at least 2.
        weight: ``(C, D)``, the matrix of the entries.
        maps: ``(2^k - 1, C, D)``, the matrices of the means: subsets with more axes first, the empty one last, those of
            one size in the order of :func:`itertools.combinations`.
        bias: ``(D,)``, added to all entries.

    Returns:
        ``(B, n_1, ..., n_k, D)``.

    Cost: forward one read of the array for each axis, one more, and two writes.

    Example:
        >>> import torch
        >>> x, none, one = torch.tensor([[[[1.0], [3.0]], [[5.0], [9.0]]]]), torch.zeros(1, 1), torch.ones(1, 1)
        >>> row_means = torch.stack([one, none, none])
        >>> array_linear(x, none, row_means)[0, :, :, 0].tolist()
        [[2.0, 2.0], [7.0, 7.0]]
    """
    shift = weight.new_zeros(weight.shape[1]) if bias is None else bias
    result: Tensor = _array_linear(values, weight, maps, shift)[0]
    return result
