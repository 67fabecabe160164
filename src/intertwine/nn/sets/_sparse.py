"""Maps between arrays of which one is sparse: its observed entries, and dense arrays of one axis or none beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.nn.sets._axes import ArrayAxes
from intertwine.nn.sets._entries import ObservedEntries
from intertwine.nn.sets._layout import MapLayout
from intertwine.nn.sets._reductions import Reduction

Axes = tuple[int, ...]


def apply_sparse(
    layout: MapLayout,
    weights: Sequence[Tensor],
    bias: Tensor | None,
    given: Sequence[Tensor],
    entries: ObservedEntries,
) -> list[Tensor]:
    """Apply maps to the observed entries of a sparse array, and arrays of one axis or none.

    Args:
        layout: The maps.
        weights: For each block of maps ``(1, rows, columns)``.
        bias: The columns of the last block, or None.
        given: ``(E, ...)`` for an array of two axes or more, ``(size, ...)`` or ``(...)`` for the others.
        entries: Where the entries are.

    Returns:
        The arrays of the output, likewise.
    """
    support = _support(layout, len(entries.indices))
    folded = _folded(layout, given, support, entries)
    means = [
        entries.means(x) if array.names == support else {} for array, x in zip(layout.arrays_in, folded, strict=True)
    ]
    tables: list[dict[Axes, Tensor]] = [{} for _ in layout.arrays_out]
    products: dict[int, tuple[Tensor, Tensor]] = {}
    for block, (weight, *_) in zip(layout.blocks, weights, strict=True):
        axes = tuple(sorted(support.index(name) for name in block.key))
        columns = [_pooled(source, axes, folded, means) for source in block.sources]
        pooled = columns[0] if len(columns) == 1 else torch.cat(columns, -1)
        if len(axes) == len(support):
            parts = weight.split(block.columns, -1)
            products.update({t.array: (pooled, part) for t, part in zip(block.targets, parts, strict=True)})
            continue
        mapped = pooled @ weight if bias is None or axes else pooled @ weight + bias
        for target, part in zip(block.targets, mapped.split(block.columns, -1), strict=True):
            tables[target.array][axes] = part
    results = []
    for number, (array, table) in enumerate(zip(layout.arrays_out, tables, strict=True)):
        result = entries.gather(table) if array.names == support else sum(table.values(), start=table[()] * 0)
        if number in products:
            values, weight = products[number]
            result = result.to(values.dtype).addmm_(values, weight.to(values.dtype))
        results.append(result.unflatten(-1, (*array.free_sizes, -1)) if array.free_sizes else result)
    return results


def _pooled(source: Reduction, axes: Axes, folded: Sequence[Tensor], means: Sequence[dict[Axes, Tensor]]) -> Tensor:
    x = folded[source.array]
    if len(source.kept) == len(source.names):
        return x
    return means[source.array][axes] if means[source.array] else x.sum(0) / torch.sym_max(x.shape[0], 1)


def _support(layout: MapLayout, order: int) -> tuple[str, ...]:
    """The names of the axes of the sparse array.

    Raises:
        UsageError: If there is none, more than one kind, or one with repeated names.
    """
    wide = {array.names for array in (*layout.arrays_in, *layout.arrays_out) if len(array.names) > 1}
    support = next((array.names for array in layout.arrays_in if len(array.names) > 1), ())
    if wide != {support} or len({*support}) < len(support):
        shown = ", ".join(f'"{" ".join(names)}"' for names in sorted(wide)) or "none"
        raise UsageError(
            f"sparse entries are of one array of two axes or more with different names, beside arrays of one axis or "
            f"none; got {shown}"
        )
    if len(support) != order:
        raise UsageError(f'expected the indices of entries along "{" ".join(support)}", got {order} rows')
    return support


def _folded(
    layout: MapLayout, given: Sequence[Tensor], support: tuple[str, ...], entries: ObservedEntries
) -> list[Tensor]:
    """The arrays with the axes that no group moves joined with the channels.

    Raises:
        UsageError: If a shape does not fit.
    """
    sizes = dict(zip(support, entries.sizes, strict=False))
    folded = []
    for array, width, x in zip(layout.arrays_in, layout.channels_in, given, strict=True):
        first = (entries.indices.shape[1],) if array.names == support else tuple(sizes[name] for name in array.names)
        expected = (*first, *array.free_sizes, width)
        if not _is_plain(array) or not isinstance(x, Tensor) or tuple(x.shape) != expected:
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise UsageError(f'expected the array "{array}" with sparse entries as {expected}, got {got}')
        folded.append(x.flatten(len(first)))
    return folded


def _is_plain(array: ArrayAxes) -> bool:
    """Whether the permuted axes come first."""
    return array.order == tuple(range(len(array.axes)))
