"""Observed entries of a sparse array, grouped by their indices along every subset of its axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import entry_linear, gather_sums, group_sums


class ObservedEntries(NamedTuple):
    """The places of the observed entries of a sparse array, sorted once for every layer that reads them.

    Made by :meth:`from_index`. An entry may occur several times; each counts in the means.

    Attributes:
        indices: ``(k, E)`` int64, the indices of each entry along the k axes.
        groups: ``(E, 2^k - 2)`` int64, for every proper subset of the axes the group of entries that have the same
            indices along it, all groups numbered through: single axes first.
        order: The entries sorted by group, one subset after the other.
        offsets: ``(G,)`` where each group begins in ``order``.
        counts: ``(G, 1)`` float32, the number of entries in each group.
        sizes: The number of groups of each subset; first the sizes of the k axes.
    """

    indices: Tensor
    groups: Tensor
    order: Tensor
    offsets: Tensor
    counts: Tensor
    sizes: tuple[int, ...]

    @classmethod
    def from_index(cls, index: Tensor, sizes: Sequence[int]) -> ObservedEntries:
        """Sort the entries.

        Args:
            index: ``(k, E)`` integers, k at least 2.
            sizes: The size of each axis.

        Raises:
            UsageError: If the shapes do not fit, or an index is out of range.

        Cost: k sorts of E integers for k = 2.

        Example:
            >>> entries = ObservedEntries.from_index(torch.tensor([[0, 0, 1], [0, 2, 2]]), (2, 3))
            >>> entries.counts[:, 0].tolist()  # in two rows and three columns
            [2.0, 1.0, 1.0, 0.0, 2.0]
        """
        _check(index, sizes)
        index = index.long()
        found, numbers = list(index), list(sizes)
        for size in range(2, len(index)):
            for axes in combinations(range(len(index)), size):
                flat = index[axes[0]]
                for axis in axes[1:]:
                    flat = flat * sizes[axis] + index[axis]
                values, inverse = flat.unique(return_inverse=True)
                found.append(inverse)
                numbers.append(len(values))
        counts = [torch.bincount(group, minlength=number) for group, number in zip(found, numbers, strict=True)]
        order = torch.cat([torch.argsort(group, stable=True) for group in found])
        starts = [sum(numbers[:k]) for k in range(len(numbers))]
        count = torch.cat(counts)
        groups = torch.stack([group + start for group, start in zip(found, starts, strict=True)], 1)
        return cls(index, groups, order, count.cumsum(0) - count, count[:, None].float(), tuple(numbers))

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """The subsets of the axes, in the order of ``sizes``."""
        order = len(self.indices)
        return tuple(axes for size in range(1, order) for axes in combinations(range(order), size))

    def means(self, values: Tensor) -> dict[tuple[int, ...], Tensor]:
        """Means over the entries that have the same indices along each subset of the axes.

        Args:
            values: ``(E, C)``.

        Returns:
            For each subset ``(groups, C)``, zero for a group without entries; for the empty subset ``(C,)``.
        """
        return self.means_of_sums(group_sums(values, self.groups, self.order, self.offsets))

    def means_of_sums(self, sums: Tensor) -> dict[tuple[int, ...], Tensor]:
        """Means as :meth:`means` returns them, from the sums of each group, ``(G, C)``."""
        entries = self.indices.shape[1]
        means = (sums / self.counts.to(sums).clamp_min(1)).split(self.sizes)
        total = sums[: self.sizes[0]].sum(0) / torch.sym_max(entries, 1)
        return {(): total, **dict(zip(self.axes, means, strict=True))}

    def map_with_means(
        self, values: Tensor, weights: dict[tuple[int, ...], Tensor], tables: dict[tuple[int, ...], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Map the entries and their means, and add what tables have for the indices of each entry.

        Args:
            values: ``(E, C)``.
            weights: ``(C, D)`` for each subset of the axes, all axes for the entries themselves.
            tables: ``(groups, D)`` for some subsets of the axes; ``(D,)`` for the empty one.

        Returns:
            ``(E, D)``, and the sums of each group, ``(G, C)``.
        """
        axes = self.axes
        whole = weights[tuple(range(len(self.indices)))].to(values)
        maps = torch.stack([weights[key] for key in (*axes, ())]).to(values)
        constant = tables.get((), values.new_zeros(maps.shape[-1]))[None]
        if tables.keys() <= {()}:
            table = constant
        else:
            rows = [tables.get(key, constant * 0).expand(size, -1) for key, size in zip(axes, self.sizes, strict=False)]
            table = torch.cat([rows[0] + constant, *rows[1:]])
        return entry_linear(
            values, whole, maps, table.to(values), self.groups, self.order, self.offsets, self.counts,
            list(self.sizes),
        )  # fmt: skip

    def gather(self, tables: dict[tuple[int, ...], Tensor]) -> Tensor:
        """The sum over the subsets of the axes of what a table has for the indices of each entry.

        Args:
            tables: As :meth:`means` returns them.

        Returns:
            ``(E, C)``.
        """
        constant = tables[()]
        rows = [tables[axes] + constant if k == 0 else tables[axes] for k, axes in enumerate(self.axes)]
        return gather_sums(torch.cat(rows), self.groups, self.order, self.offsets)


def _check(index: Tensor, sizes: Sequence[int]) -> None:
    if not isinstance(index, Tensor) or index.is_floating_point() or index.ndim != 2 or len(index) != len(sizes):
        got = f"{tuple(index.shape)} {index.dtype}" if isinstance(index, Tensor) else type(index).__name__
        raise UsageError(f"expected the indices of entries ({len(sizes)}, E) of integers, got {got}")
    if len(sizes) < 2:
        raise UsageError("sparse entries have two axes at least; an array of one axis is dense")
    if torch.compiler.is_compiling() or not index.numel():
        return
    for axis, (row, size) in enumerate(zip(index, sizes, strict=True)):
        if int(row.min()) < 0 or int(row.max()) >= size:
            raise UsageError(
                f"expected indices 0 .. {size - 1} along axis {axis}, got {int(row.min())} .. {int(row.max())}"
            )
