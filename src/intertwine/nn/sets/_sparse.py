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
Tables = dict[Axes, Tensor]


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
    sparse = [array.names == support for array in layout.arrays_in]
    values = _joined([x for x, many in zip(folded, sparse, strict=True) if many])
    written: Tensor | None = None
    if any(array.names == support for array in layout.arrays_out):
        written, sums = entries.map_with_means(values, *_sparse_targets(layout, weights, bias, folded, support))
        dense = any(array.names != support for array in layout.arrays_out)
        means = entries.means_of_sums(sums) if dense else {}
    else:
        means = entries.means(values)
    return _split(layout, written, _dense_targets(layout, weights, bias, folded, means, support), support)


def _sparse_targets(
    layout: MapLayout,
    weights: Sequence[Tensor],
    bias: Tensor | None,
    folded: Sequence[Tensor],
    support: tuple[str, ...],
) -> tuple[Tables, Tables]:
    """What the entries of the output are made of.

    Returns:
        The matrices of the entries and of their means along each subset of the axes; and what comes from the other
        arrays and the bias, for the indices along some of these subsets.
    """
    of_entries: dict[Axes, Tensor] = {}
    tables: Tables = {}
    for block, (weight, *_) in zip(layout.blocks, weights, strict=True):
        columns = [layout.arrays_out[target.array].names == support for target in block.targets]
        if not any(columns):
            continue
        axes = tuple(sorted(support.index(name) for name in block.key))
        chosen = _joined([part for part, use in zip(weight.split(block.columns, 1), columns, strict=True) if use])
        rows = chosen.split(block.rows)
        matrices = [w for w, r in zip(rows, block.sources, strict=True) if layout.arrays_in[r.array].names == support]
        of_entries[axes] = matrices[0] if len(matrices) == 1 else torch.cat(matrices)
        others = [
            _reduced(folded[r.array], r) @ w
            for w, r in zip(rows, block.sources, strict=True)
            if layout.arrays_in[r.array].names != support
        ]
        if bias is not None and not axes:
            others.append(_joined([part for part, use in zip(bias.split(block.columns), columns, strict=True) if use]))
        if others:
            tables[axes] = sum(others[1:], start=others[0])
    return of_entries, tables


def _dense_targets(
    layout: MapLayout,
    weights: Sequence[Tensor],
    bias: Tensor | None,
    folded: Sequence[Tensor],
    means: dict[Axes, Tensor],
    support: tuple[str, ...],
) -> dict[int, Tensor]:
    """The arrays of the output of one axis or none, by their numbers."""
    results: dict[int, Tensor] = {}
    for block, (weight, *_) in zip(layout.blocks, weights, strict=True):
        places = [k for k, target in enumerate(block.targets) if layout.arrays_out[target.array].names != support]
        if not places:
            continue
        axes, begin = tuple(sorted(support.index(name) for name in block.key)), 0
        pooled = []
        for source in block.sources:
            x = folded[source.array]
            if layout.arrays_in[source.array].names != support:
                pooled.append(_reduced(x, source))
                continue
            pooled.append(means[axes].narrow(-1, begin, x.shape[-1]))
            begin += x.shape[-1]
        parts = weight.split(block.columns, 1)
        mapped = _joined(pooled) @ _joined([parts[k] for k in places])
        if bias is not None and not axes:
            shifts = bias.split(block.columns)
            mapped = mapped + _joined([shifts[k] for k in places])
        for k, part in zip(places, mapped.split([block.columns[k] for k in places], -1), strict=True):
            number = block.targets[k].array
            results[number] = results[number] + part if number in results else part
    return results


def _split(
    layout: MapLayout, written: Tensor | None, dense: dict[int, Tensor], support: tuple[str, ...]
) -> list[Tensor]:
    """The arrays of the output, the axes that no group moves apart from the channels again."""
    last = layout.blocks[-1]
    of_array = {target.array: width for target, width in zip(last.targets, last.columns, strict=True)}
    widths = [of_array[number] for number, array in enumerate(layout.arrays_out) if array.names == support]
    entries = iter([] if written is None else [written] if len(widths) == 1 else written.split(widths, -1))
    results = [next(entries) if a.names == support else dense[n] for n, a in enumerate(layout.arrays_out)]
    return [
        x.unflatten(-1, (*array.free_sizes, -1)) if array.free_sizes else x
        for array, x in zip(layout.arrays_out, results, strict=True)
    ]


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat([*parts], -1)


def _reduced(x: Tensor, source: Reduction) -> Tensor:
    """An array of one axis or none, or its mean."""
    return x if len(source.kept) == len(source.names) else x.sum(0) / torch.sym_max(x.shape[0], 1)


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
