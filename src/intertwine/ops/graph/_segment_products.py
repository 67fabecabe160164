"""Segment sums of outer products, and their adjoint, as batched matrix products.

    outer:  Z_i = sum over edges e into i of a_e b_e^T            (E, P), (E, Q) -> (N, P, Q)
    apply:  c_e = Z_{i(e)} b_e                                    (N, P, Q), (E, Q) -> (E, P)

Each is the derivative of the other, so the pair is closed under differentiation, to any order. Where edges are sorted
by target and nodes by their number of edges, every run of nodes of equal degree is one batched matrix product on a
view: no padding and no copy. Edges in any other order are sorted first.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from intertwine.ops._operator import operator, will_execute

_MAX_RUNS = 64  # with more runs of equal degree than this, nodes are sorted by degree first


class _DegreeRuns:
    """Edges sorted by target, targets in runs of equal degree (number of edges).

    Attributes:
        edge_order: ``(E,)`` permutation that sorts the edges; ``None`` if they are sorted.
        node_order: ``(N,)`` permutation that sorts the nodes by degree; ``None`` if there are few runs without it.
    """

    def __init__(self, target: Tensor, num_nodes: int) -> None:
        counts = torch.bincount(target, minlength=num_nodes)
        self.edge_order: Tensor | None = None
        self.node_order: Tensor | None = None
        if target.numel() > 1 and bool((target[1:] < target[:-1]).any()):
            self.edge_order = torch.argsort(target, stable=True)
        degrees, repeats = self._runs(counts)
        if len(degrees) > _MAX_RUNS:
            self.node_order = torch.argsort(counts, stable=True)
            starts = torch.cumsum(counts, 0) - counts
            counts = counts[self.node_order]
            first = torch.repeat_interleave(starts[self.node_order] - (torch.cumsum(counts, 0) - counts), counts)
            order = first + torch.arange(target.numel(), device=target.device)
            self.edge_order = order if self.edge_order is None else self.edge_order[order]
            degrees, repeats = self._runs(counts)
        self.degrees, self.repeats = degrees, repeats

    @staticmethod
    def _runs(counts: Tensor) -> tuple[list[int], list[int]]:
        values, repeats = torch.unique_consecutive(counts, return_counts=True)
        return values.tolist(), repeats.tolist()

    def __iter__(self) -> Iterator[tuple[slice, slice, int, int]]:
        """For each run: its edges, its nodes, the degree of the nodes and their number."""
        edge = node = 0
        for degree, repeat in zip(self.degrees, self.repeats, strict=True):
            yield slice(edge, edge + degree * repeat), slice(node, node + repeat), degree, repeat
            edge, node = edge + degree * repeat, node + repeat

    def sort(self, edge_values: Tensor) -> Tensor:
        """Rows ``(E, ...)`` in the order of the runs."""
        return edge_values if self.edge_order is None else edge_values[self.edge_order]


@operator("segment_outer")
def _segment_outer(a: Tensor, b: Tensor, index: Tensor, num_segments: int) -> Tensor:
    runs = _DegreeRuns(index, num_segments)
    a, b = runs.sort(a), runs.sort(b)
    result = a.new_empty(num_segments, a.shape[1], b.shape[1])
    for edges, nodes, degree, repeat in runs:
        if degree == 0:
            result[nodes] = 0
            continue
        left = a[edges].unflatten(0, (repeat, degree)).mT
        torch.bmm(left, b[edges].unflatten(0, (repeat, degree)), out=result[nodes])
    if runs.node_order is None:
        return result
    return torch.empty_like(result).index_copy_(0, runs.node_order, result)


@operator("segment_apply")
def _segment_apply(z: Tensor, b: Tensor, index: Tensor) -> Tensor:
    runs = _DegreeRuns(index, z.shape[0])
    b = runs.sort(b)
    z = z if runs.node_order is None else z[runs.node_order]
    result = b.new_empty(b.shape[0], z.shape[1])
    for edges, nodes, degree, repeat in runs:
        if degree == 0:
            continue
        out = result[edges].unflatten(0, (repeat, degree))
        torch.bmm(b[edges].unflatten(0, (repeat, degree)), z[nodes].mT, out=out)
    if runs.edge_order is None:
        return result
    return torch.empty_like(result).index_copy_(0, runs.edge_order, result)


@_segment_outer.register_decomposition
def _(a: Tensor, b: Tensor, index: Tensor, num_segments: int) -> Tensor:
    products = a[:, :, None] * b[:, None, :]
    return products.new_zeros(num_segments, a.shape[1], b.shape[1]).index_add(0, index, products)


@_segment_apply.register_decomposition
def _(z: Tensor, b: Tensor, index: Tensor) -> Tensor:
    return (z.index_select(0, index) * b[:, None, :]).sum(2)


@_segment_outer.register_fake
def _(a: Tensor, b: Tensor, index: Tensor, num_segments: int) -> Tensor:
    return a.new_empty(num_segments, a.shape[1], b.shape[1])


@_segment_apply.register_fake
def _(z: Tensor, b: Tensor, index: Tensor) -> Tensor:
    return b.new_empty(b.shape[0], z.shape[1])


def _outer_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    a, b, index, _ = inputs
    ctx.save_for_backward(a, b, index)


def _outer_backward(ctx, grad):  # type: ignore[no-untyped-def]
    a, b, index = ctx.saved_tensors
    return (
        segment_apply(grad, b, index) if will_execute(ctx, 0) else None,
        segment_apply(grad.mT, a, index) if will_execute(ctx, 1) else None,
        None,
        None,
    )


def _apply_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _apply_backward(ctx, grad):  # type: ignore[no-untyped-def]
    z, b, index = ctx.saved_tensors
    return (
        segment_outer(grad, b, index, z.shape[0]) if will_execute(ctx, 0) else None,
        segment_apply(z.mT, grad, index) if will_execute(ctx, 1) else None,
        None,
    )


_segment_outer.register_autograd(_outer_backward, setup_context=_outer_setup)
_segment_apply.register_autograd(_apply_backward, setup_context=_apply_setup)


def segment_outer(a: Tensor, b: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Sum of outer products over the edges into each node, ``Z_i = sum_e a_e b_e^T``.

    Args:
        a: ``(E, P)``.
        b: ``(E, Q)``.
        index: ``(E,)`` node of each edge; fastest when sorted.
        num_segments: Number of nodes N.

    Returns:
        ``(N, P, Q)``. Cost: 2 E P Q operations.

    Example:
        >>> a, b = torch.tensor([[1.0], [2.0], [4.0]]), torch.ones(3, 2)
        >>> segment_outer(a, b, torch.tensor([1, 1, 0]), 2)[:, 0].tolist()
        [[4.0, 4.0], [3.0, 3.0]]
    """
    result: Tensor = _segment_outer(a, b, index, num_segments)
    return result


def segment_apply(z: Tensor, b: Tensor, index: Tensor) -> Tensor:
    """Apply each node's matrix to its edges, ``c_e = Z_{index(e)} b_e``.

    Args:
        z: ``(N, P, Q)``.
        b: ``(E, Q)``.
        index: ``(E,)`` node of each edge; fastest when sorted.

    Returns:
        ``(E, P)``. Cost: 2 E P Q operations.
    """
    result: Tensor = _segment_apply(z, b, index)
    return result
