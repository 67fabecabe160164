"""Neighbours within a cutoff, for many structures at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree
from torch import Tensor

_PAIRS_AT_ONCE = 1 << 20
_LARGE = 400

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def neighbour_lists(positions: Tensor, offsets: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Every ordered pair of different atoms of one structure with ``|x_i - x_j|^2 < cutoff^2``, as lists per atom.

    Two atoms in the same place are neighbours, an atom is never its own. The squares are summed as ``x x + y y + z z``
    in float64 from the differences of the given coordinates: nothing is shifted, so nothing is lost near the cutoff,
    and the pairs are symmetric to the last bit. The edges are those of `ops.radius_graph`, for many structures at once.

    Args:
        positions: (N, 3) float64, Angstrom.
        offsets: (S + 1,) int64, the atoms of each structure.
        cutoff: Angstrom, positive.

    Returns:
        The neighbours of all atoms, atom after atom, each list increasing, counted from their structure's first atom:
        (E,) in the smallest integer type that holds the largest structure. And where each list begins: (N + 1,) int64.

    Cost: small structures try all pairs, about 20 ns each; those of more than 400 atoms use a k-d tree.
    """
    x = positions.numpy()
    starts = offsets.numpy()
    counts = np.diff(starts)
    dtype = _smallest(int(counts.max(initial=0)))
    lists: list[npt.NDArray[np.integer]] = []
    degrees: list[Integers] = []
    for first, last in _runs(counts):
        if counts[first] > _LARGE:
            source, degree = _by_tree(x[starts[first] : starts[last]], cutoff)
        else:
            source, degree = _by_all_pairs(x, starts[first:last], counts[first:last], cutoff)
        lists.append(source.astype(dtype))
        degrees.append(degree)
    begins = np.zeros(len(x) + 1, dtype=np.int64)
    if lists:
        np.cumsum(np.concatenate(degrees), out=begins[1:])
    return torch.from_numpy(np.concatenate(lists) if lists else np.zeros(0, dtype)), torch.from_numpy(begins)


def _runs(counts: Integers) -> list[tuple[int, int]]:
    """Consecutive structures to be treated at once: a large one alone, small ones up to about a million pairs."""
    large = counts > _LARGE
    share = np.cumsum(np.where(large, 0, counts * counts)) // _PAIRS_AT_ONCE
    split = np.flatnonzero((np.diff(share) > 0) | large[1:] | large[:-1]) + 1
    borders = [0, *split.tolist(), len(counts)] if len(counts) else []
    return list(pairwise(borders))


def _by_all_pairs(x: Floats, starts: Integers, counts: Integers, cutoff: float) -> tuple[Integers, Integers]:
    atoms = int(counts.sum())
    partners = np.repeat(counts, counts)
    base = np.repeat(starts, counts)
    target = np.repeat(np.arange(atoms), partners)
    row_begins = np.cumsum(partners) - partners
    source = np.arange(len(target)) - row_begins[target]
    first = int(starts[0]) if len(starts) else 0
    near = _near(x, first + target, base[target] + source, cutoff)
    near &= source != (first + target - base[target])
    return source[near], np.bincount(target[near], minlength=atoms)


def _by_tree(x: Floats, cutoff: float) -> tuple[Integers, Integers]:
    pairs = cKDTree(x).query_pairs(cutoff * (1 + 1e-9), output_type="ndarray").astype(np.int64)
    pairs = pairs[_near(x, pairs[:, 0], pairs[:, 1], cutoff)]
    target, source = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.lexsort((source, target))
    return source[order], np.bincount(target, minlength=len(x))


def _near(x: Floats, i: Integers, j: Integers, cutoff: float) -> npt.NDArray[np.bool_]:
    squares: Floats = np.zeros(len(i))
    for axis in x.T:
        difference = axis[i] - axis[j]
        squares += difference * difference
    return squares < cutoff * cutoff


def _smallest(largest: int) -> type[np.integer]:
    if largest <= 1 << 8:
        return np.uint8
    return np.int16 if largest <= 1 << 15 else np.int32
