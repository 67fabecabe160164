"""Neighbors within a cutoff, for many structures at once, stored small."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine.ops import radius_pairs

_ATOMS_AT_ONCE = 1 << 16

Integers = npt.NDArray[np.int64]


def neighbor_lists(positions: Tensor, offsets: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Every ordered pair of different atoms of one structure with ``|x_i - x_j|^2 < cutoff^2``, as lists per atom.

    Two atoms in the same place are neighbors, an atom is never its own. The squares are summed as ``x x + y y + z z``
    in float64 from the differences of the given coordinates: nothing is shifted, so nothing is lost near the cutoff,
    and the pairs are symmetric to the last bit. The edges are those of `ops.radius_graph`, for many structures at once.

    Args:
        positions: (N, 3) float64, Angstrom.
        offsets: (S + 1,) int64, the atoms of each structure.
        cutoff: Angstrom, positive.

    Returns:
        The neighbors of all atoms, atom after atom, each list increasing, counted from their structure's first atom:
        (E,) in the smallest integer type that holds the largest structure. And where each list begins: (N + 1,) int64.

    Cost: one k-d tree for some ten thousand atoms at a time.
    """
    x = positions.numpy()
    starts = offsets.numpy()
    counts = np.diff(starts)
    dtype = _smallest(int(counts.max(initial=0)))
    lists: list[npt.NDArray[np.integer]] = [np.zeros(0, dtype)]
    degrees: list[Integers] = [np.zeros(1, np.int64)]
    for first, last in _shares(starts):
        atoms = slice(starts[first], starts[last])
        owners = np.repeat(np.arange(last - first), counts[first:last])
        source, target = radius_pairs(x[atoms], owners, cutoff)
        local = source - (starts[first:last] - starts[first])[owners[source]]
        lists.append(local.astype(dtype))
        degrees.append(np.bincount(target, minlength=len(owners)))
    return torch.from_numpy(np.concatenate(lists)), torch.from_numpy(np.concatenate(degrees).cumsum())


def _shares(starts: Integers) -> list[tuple[int, int]]:
    """Consecutive structures to be searched at once, of some ten thousand atoms."""
    split = np.flatnonzero(np.diff(starts[:-1] // _ATOMS_AT_ONCE)) + 1
    borders = [0, *split.tolist(), len(starts) - 1] if len(starts) > 1 else []
    return list(pairwise(borders))


def _smallest(largest: int) -> type[np.integer]:
    if largest <= 1 << 8:
        return np.uint8
    return np.int16 if largest <= 1 << 15 else np.int32
