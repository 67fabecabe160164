"""Exchangeable linear maps of the observed entries of a sparse array, with few passes over them.

    z_g = sum over entries e in group g of x_e,    y_e = x_e W + sum over the groups g of e of (z_g / n_g M_k(g) + t_g)

A pass over the entries takes longer than all that is done with groups, of which there are fewer. The derivative is
the same map with transposed matrices, so that it takes as few, and all orders are made of these operators.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from intertwine.ops._operator import operator
from intertwine.ops.sets._entry_sums import gather_sums, group_sums


@operator("gather_and_map")
def _gather_and_map(
    table: Tensor, values: Tensor, weight: Tensor, groups: Tensor, order: Tensor, offsets: Tensor
) -> Tensor:
    if not groups.numel() or not table.numel():
        return values @ weight
    return embedding_bag(groups, table, mode="sum").addmm_(values, weight)


@_gather_and_map.register_fake
def _(table: Tensor, values: Tensor, weight: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    return table.new_empty(groups.shape[0], table.shape[1])


def _setup_gather(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[1:])


def _gather_backward(ctx, grad):  # type: ignore[no-untyped-def]
    values, weight, *places = ctx.saved_tensors
    return group_sums(grad, *places), grad @ weight.mT, values.mT @ grad, None, None, None


_gather_and_map.register_autograd(_gather_backward, setup_context=_setup_gather)


@operator("entry_linear")
def _entry_linear(
    values: Tensor,
    weight: Tensor,
    maps: Tensor,
    table: Tensor,
    groups: Tensor,
    order: Tensor,
    offsets: Tensor,
    counts: Tensor,
    sizes: list[int],
) -> tuple[Tensor, Tensor]:
    sums = group_sums(values, groups, order, offsets)
    rows = values.new_empty(offsets.shape[0], weight.shape[1])
    for part, matrix, place in zip(sums.split(sizes), maps, rows.split(sizes), strict=False):
        torch.mm(part, matrix, out=place)
    rows /= counts.to(rows).clamp_min(1)
    if table.shape[0] > 1:
        rows += table
    rows[: sizes[0]] += _total(sums, sizes, values.shape[0]) @ maps[-1] + (table[0] if table.shape[0] == 1 else 0)
    return _gather_and_map(rows, values, weight, groups, order, offsets), sums


@_entry_linear.register_fake
def _(values: Tensor, weight: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    offsets = others[4]
    result = values.new_empty(values.shape[0], weight.shape[1])
    return result, values.new_empty(offsets.shape[0], values.shape[1])


def _setup_linear(ctx, inputs, output):  # type: ignore[no-untyped-def]
    values, weight, maps, table, groups, order, offsets, counts, ctx.sizes = inputs
    ctx.is_constant = table.shape[0] == 1
    ctx.save_for_backward(values, weight, maps, groups, order, offsets, counts, output[1])
    ctx.set_materialize_grads(False)


def _linear_backward(ctx, grad, grad_sums):  # type: ignore[no-untyped-def]
    values, weight, maps, groups, order, offsets, counts, sums = ctx.saved_tensors
    places, sizes = (groups, order, offsets), ctx.sizes
    if grad is None:
        return (None if grad_sums is None else gather_sums(grad_sums, *places), *[None] * 8)
    of_groups = group_sums(grad, *places)
    parts = (of_groups / counts.to(grad).clamp_min(1)).split(sizes)
    whole, total = of_groups[: sizes[0]].sum(0), _total(sums, sizes, values.shape[0])
    back = [part @ matrix.mT for part, matrix in zip(parts, maps, strict=False)]
    back[0] = back[0] + (whole @ maps[-1].mT) / torch.sym_max(values.shape[0], 1)
    if grad_sums is not None:
        back = [one + other for one, other in zip(back, grad_sums.split(sizes), strict=True)]
    grad_values = _gather_and_map(torch.cat(back), grad, weight.mT, *places)
    of_maps = [one.mT @ part for one, part in zip(sums.split(sizes), parts, strict=True)]
    grad_maps = torch.stack([*of_maps, torch.outer(total, whole)])
    grad_table = whole[None] if ctx.is_constant else of_groups
    return grad_values, values.mT @ grad, grad_maps, grad_table, None, None, None, None, None


_entry_linear.register_autograd(_linear_backward, setup_context=_setup_linear)


def _total(sums: Tensor, sizes: list[int], entries: int) -> Tensor:
    """The mean over all entries."""
    total: Tensor = sums[: sizes[0]].sum(0) / torch.sym_max(entries, 1)
    return total


def entry_linear(
    values: Tensor,
    weight: Tensor,
    maps: Tensor,
    table: Tensor,
    groups: Tensor,
    order: Tensor,
    offsets: Tensor,
    counts: Tensor,
    sizes: list[int],
) -> tuple[Tensor, Tensor]:
    """Map observed entries, their means in each group, and what a table has for each group.

    Args:
        values: ``(E, C)``.
        weight: ``(C, D)``, the matrix of the entries.
        maps: ``(k + 1, C, D)``, those of the means of each grouping, and of the mean over all entries.
        table: ``(G, D)``, what is added for each group that an entry is in, or ``(1, D)``, added to all entries.
        groups: ``(E, k)``; with ``order`` and ``offsets`` as for :func:`group_sums`.
        order: ``(k E,)``.
        offsets: ``(G,)``.
        counts: ``(G, 1)``, the entries in each group.
        sizes: The number of groups of each grouping.

    Returns:
        ``(E, D)``, and the sums of each group, ``(G, C)``.

    Cost: forward one read of the entries for each grouping, one more, and one write.

    Example:
        >>> import torch
        >>> groups = torch.tensor([[0, 2], [1, 2]])  # two rows of one entry each, in one column
        >>> order, offsets, counts = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 2]), torch.tensor([[1], [1], [2]])
        >>> x, one, none = torch.tensor([[1.0], [5.0]]), torch.ones(1, 1), torch.zeros(1, 1)
        >>> column_means = torch.stack([none, one, none])
        >>> entry_linear(x, none, column_means, torch.zeros(3, 1), groups, order, offsets, counts, [2, 1])[0].tolist()
        [[3.0], [3.0]]
    """
    result, sums = _entry_linear(values, weight, maps, table, groups, order, offsets, counts, sizes)
    return result, sums
