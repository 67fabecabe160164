"""Sums over the edges of a graph, as dense matrix products.

    outer:  Z_i = sum over edges e into i of a_e b_e^T            (E, P), (E, Q) -> (N, P, Q)
    apply:  c_e = Z_{i(e)} b_e                                    (N, P, Q), (E, Q) -> (E, P)

Each is the derivative of the other, so the pair is closed under differentiation, to any order. Edges that are sorted by
target and nodes that are sorted by their number of edges make every run of equal counts one batched matrix product on a
view: no padding and no copy. Other orders are allowed, and sorted first.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def segment_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum the rows of ``values`` that share an index.

    Args:
        values: ``(E, ...)``.
        index: ``(E,)`` integers in ``[0, size)``.
        size: Number of rows of the result.

    Returns:
        ``(size, ...)``; zero where no index points.

    Example:
        >>> segment_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2, 0]), 3).tolist()
        [4.0, 0.0, 2.0]
    """
    return values.new_zeros((size, *values.shape[1:])).index_add(0, index, values)


def segment_max(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Largest of the rows of ``values`` that share an index, component by component.

    Args:
        values: ``(E, ...)``.
        index: ``(E,)`` integers in ``[0, size)``.
        size: Number of rows of the result.

    Returns:
        ``(size, ...)``; zero where no index points. Equal largest ones share the gradient.

    Example:
        >>> segment_max(torch.tensor([-1.0, 2.0, -3.0]), torch.tensor([0, 2, 0]), 3).tolist()
        [-1.0, 0.0, 2.0]
    """
    shape = (-1, *[1] * (values.ndim - 1))
    empty = values.new_zeros((size, *values.shape[1:]))
    return empty.scatter_reduce(0, index.view(shape).expand_as(values), values, "amax", include_self=False)


def segment_mean(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Mean of the rows of ``values`` that share an index.

    Args:
        values: ``(E, C)``.
        index: ``(E,)`` integers in ``[0, size)``.
        size: Number of rows of the result.

    Returns:
        ``(size, C)``; zero where no index points.

    Example:
        >>> segment_mean(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 2, 0]), 3).tolist()
        [[2.0], [0.0], [2.0]]
    """
    counts = segment_sum(torch.ones_like(values[:, :1]), index, size)
    return segment_sum(values, index, size) / counts.clamp_min(1)


def resolve_batch(points: Tensor, batch: Tensor | None, structures: int | None) -> tuple[Tensor, int]:
    """Whose each point is, and how many structures there are, where either was left open.

    Args:
        points: ``(N, ...)`` anything that has a row for each point.
        batch: ``(N,)`` structure of each; ``None`` for a single structure.
        structures: How many; read off ``batch`` where it is not given.

    Example:
        >>> resolve_batch(torch.zeros(2, 3), None, None)
        (tensor([0, 0]), 1)
    """
    if batch is None:
        return torch.zeros(points.shape[0], dtype=torch.int64, device=points.device), 1
    if structures is None:
        structures = int(batch.max()) + 1 if batch.shape[0] else 0
    return batch, structures


class _Runs:
    """Edges grouped by target, targets grouped by their number of edges."""

    def __init__(self, target: Tensor, size: int) -> None:
        counts = torch.bincount(target, minlength=size)
        self.edges: Tensor | None = None
        self.nodes: Tensor | None = None
        if target.numel() > 1 and bool((target[1:] < target[:-1]).any()):
            self.edges = torch.argsort(target, stable=True)
        lengths, repeats = self._runs(counts)
        if len(lengths) > 64:
            self.nodes = torch.argsort(counts, stable=True)
            starts = torch.cumsum(counts, 0) - counts
            counts = counts[self.nodes]
            first = torch.repeat_interleave(starts[self.nodes] - (torch.cumsum(counts, 0) - counts), counts)
            order = first + torch.arange(target.numel(), device=target.device)
            self.edges = order if self.edges is None else self.edges[order]
            lengths, repeats = self._runs(counts)
        self.lengths, self.repeats = lengths, repeats

    @staticmethod
    def _runs(counts: Tensor) -> tuple[list[int], list[int]]:
        values, repeats = torch.unique_consecutive(counts, return_counts=True)
        return values.tolist(), repeats.tolist()

    def __iter__(self) -> Iterator[tuple[slice, slice, int, int]]:
        """Slices of edges and nodes, the number of edges of each node and the number of nodes, run by run."""
        edge = node = 0
        for length, repeat in zip(self.lengths, self.repeats, strict=True):
            yield slice(edge, edge + length * repeat), slice(node, node + repeat), length, repeat
            edge, node = edge + length * repeat, node + repeat

    def arrange(self, edge_values: Tensor) -> Tensor:
        return edge_values if self.edges is None else edge_values[self.edges]


@torch.library.custom_op("intertwine::segment_outer", mutates_args=())
def _segment_outer(a: Tensor, b: Tensor, target: Tensor, size: int) -> Tensor:
    runs = _Runs(target, size)
    a, b = runs.arrange(a), runs.arrange(b)
    result = a.new_empty(size, a.shape[1], b.shape[1])
    for edges, nodes, length, repeat in runs:
        if length == 0:
            result[nodes] = 0
            continue
        left = a[edges].unflatten(0, (repeat, length)).mT
        torch.bmm(left, b[edges].unflatten(0, (repeat, length)), out=result[nodes])
    if runs.nodes is None:
        return result
    return torch.empty_like(result).index_copy_(0, runs.nodes, result)


@torch.library.custom_op("intertwine::segment_apply", mutates_args=())
def _segment_apply(z: Tensor, b: Tensor, target: Tensor) -> Tensor:
    runs = _Runs(target, z.shape[0])
    b = runs.arrange(b)
    z = z if runs.nodes is None else z[runs.nodes]
    result = b.new_empty(b.shape[0], z.shape[1])
    for edges, nodes, length, repeat in runs:
        if length == 0:
            continue
        out = result[edges].unflatten(0, (repeat, length))
        torch.bmm(b[edges].unflatten(0, (repeat, length)), z[nodes].mT, out=out)
    if runs.edges is None:
        return result
    return torch.empty_like(result).index_copy_(0, runs.edges, result)


@_segment_outer.register_fake
def _(a: Tensor, b: Tensor, target: Tensor, size: int) -> Tensor:
    return a.new_empty(size, a.shape[1], b.shape[1])


@_segment_apply.register_fake
def _(z: Tensor, b: Tensor, target: Tensor) -> Tensor:
    return b.new_empty(b.shape[0], z.shape[1])


def _outer_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    a, b, target, _ = inputs
    ctx.save_for_backward(a, b, target)


def _outer_backward(ctx, grad):  # type: ignore[no-untyped-def]
    a, b, target = ctx.saved_tensors
    return (
        segment_apply(grad, b, target) if ctx.needs_input_grad[0] else None,
        segment_apply(grad.mT, a, target) if ctx.needs_input_grad[1] else None,
        None,
        None,
    )


def _apply_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs)


def _apply_backward(ctx, grad):  # type: ignore[no-untyped-def]
    z, b, target = ctx.saved_tensors
    return (
        segment_outer(grad, b, target, z.shape[0]) if ctx.needs_input_grad[0] else None,
        segment_apply(z.mT, grad, target) if ctx.needs_input_grad[1] else None,
        None,
    )


_segment_outer.register_autograd(_outer_backward, setup_context=_outer_setup)
_segment_apply.register_autograd(_apply_backward, setup_context=_apply_setup)


def segment_outer(a: Tensor, b: Tensor, target: Tensor, size: int) -> Tensor:
    """Sum of outer products over the edges into each node, ``Z_i = sum_e a_e b_e^T``.

    Args:
        a: ``(E, P)``.
        b: ``(E, Q)``.
        target: ``(E,)`` node of each edge; fastest when sorted.
        size: Number of nodes N.

    Returns:
        ``(N, P, Q)``. Cost: 2 E P Q operations.

    Example:
        >>> a, b = torch.tensor([[1.0], [2.0], [4.0]]), torch.ones(3, 2)
        >>> segment_outer(a, b, torch.tensor([1, 1, 0]), 2)[:, 0].tolist()
        [[4.0, 4.0], [3.0, 3.0]]
    """
    result: Tensor = _segment_outer(a, b, target, size)
    return result


def segment_apply(z: Tensor, b: Tensor, target: Tensor) -> Tensor:
    """Apply each node's matrix to its edges, ``c_e = Z_{target(e)} b_e``.

    Args:
        z: ``(N, P, Q)``.
        b: ``(E, Q)``.
        target: ``(E,)`` node of each edge; fastest when sorted.

    Returns:
        ``(E, P)``. Cost: 2 E P Q operations.
    """
    result: Tensor = _segment_apply(z, b, target)
    return result
