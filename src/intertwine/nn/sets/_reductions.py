"""Reductions of arrays with permuted axes: diagonals, averaged over some of their indices.

A linear map between arrays that commutes with the permutations is a sum of products of three steps: a reduction of the
input, a matrix between channels, and the transpose of a reduction, which writes along a diagonal of the output and
repeats along the other indices. For one array of k axes with one symmetric group each there are 2^k reductions, for
k axes with one group the partitions of the axes, each with the choice of the indices that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, permutations, product

from intertwine.nn.sets._axes import ArrayAxes

Key = tuple[str, ...]


@dataclass(frozen=True)
class Reduction:
    """A diagonal of an array, averaged over some of its indices.

    Attributes:
        array: The number of the array.
        blocks: The index that each permuted axis runs over: axes of one index are read along their diagonal.
        names: The name of each index.
        kept: The indices that are not averaged over, sorted by name.
    """

    array: int
    blocks: tuple[int, ...]
    names: tuple[str, ...]
    kept: tuple[int, ...]

    @property
    def key(self) -> Key:
        """The names of the kept indices: reductions of one key are arrays of one shape."""
        return tuple(self.names[block] for block in self.kept)

    @property
    def is_diagonal(self) -> bool:
        """Whether two axes share an index."""
        return len(self.names) < len(self.blocks)


def partitions(names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """The ways to let axes share an index, axes of one name only: the block of each axis, numbered as they appear.

    Example:
        >>> list(partitions(["n", "n", "m"]))
        [(0, 0, 1), (0, 1, 2)]
    """

    def extend(blocks: tuple[int, ...], of_block: tuple[str, ...], rest: Sequence[str]) -> Iterator[tuple[int, ...]]:
        if not rest:
            yield blocks
            return
        for block, name in enumerate(of_block):
            if name == rest[0]:
                yield from extend((*blocks, block), of_block, rest[1:])
        yield from extend((*blocks, len(of_block)), (*of_block, rest[0]), rest[1:])

    return extend((), (), names)


def reductions(arrays: Sequence[ArrayAxes], rank: dict[str, int]) -> dict[Key, list[Reduction]]:
    """All reductions of some arrays by the names of the indices that they keep.

    Args:
        arrays: The arrays.
        rank: The place of each name in the order of the kept indices.
    """
    found: dict[Key, list[Reduction]] = {}
    for number, array in enumerate(arrays):
        for blocks in partitions(array.names):
            names = tuple(array.names[blocks.index(block)] for block in range(len({*blocks})))
            for size in reversed(range(len(names) + 1)):
                for chosen in combinations(range(len(names)), size):
                    kept = tuple(sorted(chosen, key=lambda block: (rank[names[block]], block)))
                    reduction = Reduction(number, blocks, names, kept)
                    found.setdefault(reduction.key, []).append(reduction)
    return found


def matchings(key: Key) -> list[tuple[int, ...]]:
    """The ways to match the kept indices of an input with those of an output, each with one of its name.

    Returns:
        Permutations p: the k-th index of the output is index ``p[k]`` of the input; the identity first.

    Example:
        >>> matchings(("n", "n", "m"))
        [(0, 1, 2), (1, 0, 2)]
    """
    runs = [[k for k, name in enumerate(key) if name == distinct] for distinct in dict.fromkeys(key)]
    found = []
    for choice in product(*(permutations(run) for run in runs)):
        place = dict(zip(chain(*runs), chain(*choice), strict=True))
        found.append(tuple(place[k] for k in range(len(key))))
    return found
