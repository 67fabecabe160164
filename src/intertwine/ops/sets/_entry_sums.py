"""Sums of rows over several groupings at once, and their adjoint.

    sums:    z_g = sum over rows e in group g of x_e              (E, C) -> (G, C)
    gather:  y_e = sum over the groups g that hold row e of z_g   (G, C) -> (E, C)

Each row is in one group of each of k groupings, such as the row and the column of an entry of a matrix. Both are one
pass over the rows and each is the derivative of the other, so the pair is closed under differentiation.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import embedding_bag

from intertwine.ops._operator import operator


@operator("group_sums")
def _group_sums(values: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    if not values.numel() or not len(offsets):
        return values.new_zeros(len(offsets), values.shape[1])
    return embedding_bag(order, values, offsets, mode="sum")


@operator("gather_sums")
def _gather_sums(table: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    if not groups.numel() or not table.numel():
        return table.new_zeros(len(groups), table.shape[1])
    return embedding_bag(groups, table, mode="sum")


@_group_sums.register_fake
def _(values: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    return values.new_empty(offsets.shape[0], values.shape[1])


@_gather_sums.register_fake
def _(table: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    return table.new_empty(groups.shape[0], table.shape[1])


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs[1:])


def _sums_backward(ctx, grad):  # type: ignore[no-untyped-def]
    return gather_sums(grad, *ctx.saved_tensors), None, None, None


def _gather_backward(ctx, grad):  # type: ignore[no-untyped-def]
    return group_sums(grad, *ctx.saved_tensors), None, None, None


_group_sums.register_autograd(_sums_backward, setup_context=_setup)
_gather_sums.register_autograd(_gather_backward, setup_context=_setup)


def group_sums(values: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    """Sum of the rows in each group.

    Args:
        values: ``(E, C)``.
        groups: ``(E, k)`` int64, the group of each row in each of k groupings, all groups numbered through.
        order: ``(k E,)`` int64, the rows sorted by group, one grouping after the other.
        offsets: ``(G,)`` int64, where the rows of each group begin in ``order``.

    Returns:
        ``(G, C)``; zero for a group without rows.

    Example:
        >>> import torch
        >>> groups = torch.tensor([[0, 2], [1, 2]])  # two rows, each a group of its own; and one group of both
        >>> order, offsets = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 2])
        >>> group_sums(torch.tensor([[1.0], [5.0]]), groups, order, offsets).tolist()
        [[1.0], [5.0], [6.0]]
    """
    sums: Tensor = _group_sums(values, groups, order, offsets)
    return sums


def gather_sums(table: Tensor, groups: Tensor, order: Tensor, offsets: Tensor) -> Tensor:
    """Sum over the groups that a row is in.

    Args:
        table: ``(G, C)``.
        groups: ``(E, k)`` int64; with ``order`` and ``offsets`` as for :func:`group_sums`.
        order: ``(k E,)`` int64.
        offsets: ``(G,)`` int64.

    Returns:
        ``(E, C)``.

    Example:
        >>> import torch
        >>> groups = torch.tensor([[0, 2], [1, 2]])
        >>> order, offsets = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 2])
        >>> gather_sums(torch.tensor([[1.0], [2.0], [10.0]]), groups, order, offsets).tolist()
        [[11.0], [12.0]]
    """
    rows: Tensor = _gather_sums(table, groups, order, offsets)
    return rows
