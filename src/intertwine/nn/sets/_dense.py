"""Reductions of dense arrays, and their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.nn.sets._axes import ArrayAxes
from intertwine.nn.sets._layout import MapLayout
from intertwine.nn.sets._reductions import Reduction
from intertwine.ops.sets import array_linear

Masks = Tensor | tuple[Tensor | None, ...] | None


def apply_dense(
    layout: MapLayout, weights: Sequence[Tensor], bias: Tensor | None, given: Sequence[Tensor], mask: Masks
) -> list[Tensor]:
    """Apply maps to dense arrays.

    Args:
        layout: The maps.
        weights: For each block of maps ``(matchings, rows, columns)``.
        bias: The columns of the last block, or None.
        given: The arrays ``(*batch, *axes, channels)``.
        mask: Which entries are observed, or None.

    Returns:
        The arrays ``(*batch, *axes, channels)`` of the output.
    """
    sizes, batch = _sizes(layout, given)
    folded = [_fold(array, x, batch) for array, x in zip(layout.arrays_in, given, strict=True)]
    masks = _masks(layout.arrays_in, folded, mask)
    if layout.is_of_one_array and masks[0] is None:
        return [_unfold(layout.arrays_out[0], _of_one_array(weights, bias, folded[0], batch))]
    reduced = [DenseReductions(x if m is None else x * m, m, batch) for x, m in zip(folded, masks, strict=True)]
    terms: list[list[Term]] = [[] for _ in layout.arrays_out]
    for block, weight in zip(layout.blocks, weights, strict=True):
        columns = [reduced[source.array](source) for source in block.sources]
        mapped = _matched(columns[0] if len(columns) == 1 else torch.cat(columns, -1), weight, block.matchings, batch)
        if bias is not None and not block.key:
            mapped = mapped + bias
        alone = len(block.targets) == 1
        parts = (mapped,) if alone else mapped.split(block.columns, -1)
        for target, part in zip(block.targets, parts, strict=True):
            terms[target.array].append(Term(target, part, alone))
    results = []
    for array, written in zip(layout.arrays_out, terms, strict=True):
        result = expand(written, [sizes[name] for name in array.names], batch)
        pairs = zip(layout.arrays_in, masks, strict=True)
        observed = next((m for other, m in pairs if other.names == array.names), None)
        results.append(_unfold(array, result if observed is None else result * observed))
    return results


def _of_one_array(weights: Sequence[Tensor], bias: Tensor | None, x: Tensor, batch: int) -> Tensor:
    """The same for one array whose axes all differ, in few passes over it."""
    (weight,), *maps = weights
    lead = x.shape[:batch]
    result = array_linear(x.reshape(prod(lead), *x.shape[batch:]), weight, torch.cat(maps), bias)
    return result.reshape(*lead, *result.shape[1:])


def _matched(pooled: Tensor, weight: Tensor, matchings: Sequence[tuple[int, ...]], batch: int) -> Tensor:
    """The sum over matchings of the product with their matrices, indices in the order of the output's."""
    mapped = []
    for matching, matrix in zip(matchings, weight.unbind(), strict=True):
        part = pooled @ matrix
        straight = matching == tuple(range(len(matching)))
        dims = [*range(batch), *(batch + place for place in matching), part.ndim - 1]
        mapped.append(part if straight else part.permute(dims))
    total = mapped[0]
    for part in mapped[1:]:
        total = total + part
    return total


def _sizes(layout: MapLayout, given: Sequence[Tensor]) -> tuple[dict[str, int], int]:
    """The size of each named axis, and the number of batch axes.

    Raises:
        UsageError: If the arrays do not fit their axes, or each other.
    """
    sizes: dict[str, int] = {}
    lead: torch.Size | None = None
    for array, width, x in zip(layout.arrays_in, layout.channels_in, given, strict=True):
        if not isinstance(x, Tensor):
            raise UsageError(f'expected a tensor for the array "{array}", got {type(x).__name__}')
        batch = x.ndim - len(array.axes) - 1
        axes = x.shape[batch:-1] if batch >= 0 else ()
        fits = batch >= 0 and x.shape[-1] == width
        for axis, size in zip(array.axes, axes, strict=True) if fits else ():
            fits = fits and size == (axis if isinstance(axis, int) else sizes.setdefault(axis, size))
        lead = x.shape[:batch] if lead is None and fits else lead
        if not fits or lead != x.shape[:batch]:
            known = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise UsageError(
                f'expected the array "{array}" as (*batch, {", ".join(map(str, (*array.axes, width)))}), got '
                f"{tuple(x.shape)}{f' where {known}' if known else ''}{f' and batch {tuple(lead)}' if lead else ''}"
            )
    assert lead is not None, "there is an array"
    return sizes, len(lead)


def _fold(array: ArrayAxes, x: Tensor, batch: int) -> Tensor:
    """The axes that no group moves, joined with the channels: ``(*batch, *permuted axes, width)``."""
    if len(array.names) == len(array.axes):
        return x
    return x.permute([*range(batch), *(batch + axis for axis in array.order), x.ndim - 1]).flatten(
        batch + len(array.names)
    )


def _unfold(array: ArrayAxes, x: Tensor) -> Tensor:
    """The axes that no group moves, back in their places."""
    if len(array.names) == len(array.axes):
        return x
    batch = x.ndim - 1 - len(array.names)
    x = x.unflatten(-1, (*array.free_sizes, x.shape[-1] // array.free))
    places = [array.order.index(axis) for axis in range(len(array.axes))]
    return x.permute([*range(batch), *(batch + place for place in places), x.ndim - 1])


def _masks(arrays: Sequence[ArrayAxes], folded: Sequence[Tensor], mask: Masks) -> list[Tensor | None]:
    """A mask for each array, with an axis of size one for the channels, in the dtype of the array.

    Raises:
        UsageError: If they do not fit.
    """
    given = mask if isinstance(mask, tuple) else (mask,) * len(arrays) if mask is None else (mask,)
    if len(given) != len(arrays):
        raise UsageError(f"expected a mask for each of {len(arrays)} arrays or None, got {len(given)}")
    masks: list[Tensor | None] = []
    for array, x, m in zip(arrays, folded, given, strict=True):
        if m is not None and m.shape != x.shape[:-1]:
            raise UsageError(f'expected a mask {tuple(x.shape[:-1])} of the array "{array}", got {tuple(m.shape)}')
        masks.append(None if m is None else m.to(x.dtype).unsqueeze(-1))
    return masks


def diagonal(x: Tensor, blocks: Sequence[int], batch: int) -> Tensor:
    """The view of an array along the diagonals of axes that share an index.

    Args:
        x: ``(*batch, *axes, width)``.
        blocks: The index of each axis.
        batch: The number of batch axes.

    Returns:
        ``(*batch, *indices, width)``.
    """
    labels = [*range(-batch, 0), *blocks, len(blocks)]
    wanted = [*range(-batch, 0), *sorted({*blocks}), len(blocks)]
    while len(labels) > len(wanted):
        again = next(k for k, label in enumerate(labels) if label in labels[:k])
        first = labels.index(labels[again])
        label = labels[first]
        x = x.diagonal(dim1=first, dim2=again)
        del labels[again], labels[first]
        labels.append(label)
    return x if labels == wanted else x.permute([labels.index(label) for label in wanted])


class DenseReductions:
    """The reductions of one dense array, each computed once, from the smallest one that is known.

    Args:
        x: ``(*batch, *axes, width)``; zero where the mask is False.
        mask: ``(*batch, *axes, 1)`` in the dtype of x, 1 where an entry is observed; None where all are.
        batch: The number of batch axes.
    """

    def __init__(self, x: Tensor, mask: Tensor | None, batch: int) -> None:
        self._x, self._mask, self._batch = x, mask, batch
        self._sums: dict[tuple[tuple[int, ...], frozenset[int]], tuple[Tensor, Tensor | None]] = {}

    def __call__(self, reduction: Reduction) -> Tensor:
        """The means over observed entries, ``(*batch, *kept indices, width)``; zero where there are none."""
        kept = sorted(reduction.kept)
        total, count = self._sum(reduction.blocks, len(reduction.names), frozenset(kept))
        mean = total if count is None or len(kept) == len(reduction.names) else total / count.clamp_min(1)
        if tuple(kept) == reduction.kept:
            return mean
        dims = [self._batch + kept.index(block) for block in reduction.kept]
        return mean.permute([*range(self._batch), *dims, mean.ndim - 1])

    def _sum(self, blocks: tuple[int, ...], indices: int, kept: frozenset[int]) -> tuple[Tensor, Tensor | None]:
        """Sums and counts with a mask; means and no counts without one."""
        if (blocks, kept) in self._sums:
            return self._sums[blocks, kept]
        if len(kept) == indices:
            x = diagonal(self._x, blocks, self._batch)
            result = x, None if self._mask is None else diagonal(self._mask, blocks, self._batch)
        else:
            missing = next(block for block in range(indices) if block not in kept)
            more, count = self._sum(blocks, indices, kept | {missing})
            dim = self._batch + sorted(kept | {missing}).index(missing)
            total = more.sum(dim)
            size = torch.sym_max(more.shape[dim], 1)
            result = (total / size, None) if count is None else (total, count.sum(dim))
        self._sums[blocks, kept] = result
        return result


class Term(NamedTuple):
    """What a transposed reduction writes.

    Attributes:
        reduction: The reduction.
        values: ``(*batch, *kept indices, width)``.
        owned: Whether nothing else holds these values, so that they may be added to in place.
    """

    reduction: Reduction
    values: Tensor
    owned: bool


def expand(terms: Sequence[Term], sizes: Sequence[int], batch: int) -> Tensor:
    """The sum of transposed reductions: what is written along diagonals and repeated along the other indices.

    Args:
        terms: Reductions of one array with their values.
        sizes: The sizes of the array's axes.
        batch: The number of batch axes.

    Returns:
        ``(*batch, *axes, width)``.
    """
    of_partition: dict[tuple[int, ...], list[Term]] = {}
    for term in terms:
        of_partition.setdefault(term.reduction.blocks, []).append(term)
    full = (*terms[0].values.shape[:batch], *sizes, terms[0].values.shape[-1])
    result = _repeat(of_partition.pop(tuple(range(len(sizes)))), batch).expand(full)
    if of_partition:
        result = result.clone(memory_format=torch.contiguous_format)
    for blocks, along in of_partition.items():
        diagonal(result, blocks, batch).add_(_repeat(along, batch))
    return result


def _repeat(terms: Sequence[Term], batch: int) -> Tensor:
    """The sum of terms of one partition, broadcast against each other: small ones joined first, then in place."""
    terms = sorted(terms, key=lambda term: len(term.reduction.kept))
    small: list[tuple[set[int], Tensor]] = []
    for term in terms[:-1]:
        kept, values = set(term.reduction.kept), _align(term.reduction, term.values, batch)
        if small and small[-1][0] <= kept:
            small[-1] = (kept, small[-1][1] + values)
        else:
            small.append((kept, values))
    last = terms[-1]
    total = _align(last.reduction, last.values, batch)
    in_place = last.owned and len(last.reduction.kept) == len(last.reduction.names)
    for _, values in reversed(small):
        total = total.add_(values) if in_place else total + values
        in_place = in_place or len(last.reduction.kept) == len(last.reduction.names)
    return total


def _align(reduction: Reduction, values: Tensor, batch: int) -> Tensor:
    """The kept indices in the order of the array, with an axis of size one for every other index."""
    order = sorted(range(len(reduction.kept)), key=lambda place: reduction.kept[place])
    if order != sorted(order):  # Adding in place to a view would copy the array in the backward.
        values = values.permute([*range(batch), *(batch + place for place in order), values.ndim - 1])
    for block in range(len(reduction.names)):
        if block not in reduction.kept:
            values = values.unsqueeze(batch + block)
    return values
