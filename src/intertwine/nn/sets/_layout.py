"""Order of the maps between arrays with permuted axes, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intertwine._errors import UsageError
from intertwine.nn.sets._axes import ArrayAxes
from intertwine.nn.sets._reductions import Key, Reduction, matchings, reductions

_MOST_AXES = 6


@dataclass(frozen=True)
class MapBlock:
    """The maps that keep indices of the same names: one matrix product.

    Attributes:
        key: The names of the kept indices.
        matchings: The ways to match the kept indices of input and output.
        sources: The reductions of the input.
        targets: The reductions of the output.
        rows: The number of rows of the matrix for each source.
        columns: The number of columns for each target.
    """

    key: Key
    matchings: list[tuple[int, ...]]
    sources: list[Reduction]
    targets: list[Reduction]
    rows: list[int]
    columns: list[int]


@dataclass(frozen=True)
class MapLayout:
    """All maps between some arrays.

    Attributes:
        arrays_in: The axes of the input arrays.
        channels_in: Their channels.
        arrays_out: The axes of the output arrays.
        blocks: The maps, those that keep most indices first, those that keep none last.
    """

    arrays_in: tuple[ArrayAxes, ...]
    channels_in: tuple[int, ...]
    arrays_out: tuple[ArrayAxes, ...]
    blocks: tuple[MapBlock, ...]

    @classmethod
    def between(
        cls,
        arrays_in: tuple[ArrayAxes, ...],
        channels_in: tuple[int, ...],
        arrays_out: tuple[ArrayAxes, ...],
        channels_out: tuple[int, ...],
    ) -> MapLayout:
        """List the maps.

        Raises:
            UsageError: If a name of the output is not in the input, or an array has too many axes.
        """
        rank = _rank(arrays_in, arrays_out)
        sources, targets = reductions(arrays_in, rank), reductions(arrays_out, rank)
        blocks = []
        for key in sorted({*sources} & {*targets}, key=lambda key: (-len(key), [rank[name] for name in key])):
            rows = [channels_in[each.array] * arrays_in[each.array].free for each in sources[key]]
            columns = [channels_out[each.array] * arrays_out[each.array].free for each in targets[key]]
            blocks.append(MapBlock(key, matchings(key), sources[key], targets[key], rows, columns))
        return cls(arrays_in, channels_in, arrays_out, tuple(blocks))

    @property
    def is_of_one_array(self) -> bool:
        """Whether they map one array of two axes or more, all of different names, to one with the same axes."""
        names = [array.names for array in (*self.arrays_in, *self.arrays_out)]
        return len(names) == 2 and names[0] == names[1] and len({*names[0]}) == len(names[0]) > 1


def _rank(arrays_in: Sequence[ArrayAxes], arrays_out: Sequence[ArrayAxes]) -> dict[str, int]:
    """The place of each name, as they appear in the input."""
    rank = {name: k for k, name in enumerate(dict.fromkeys(name for array in arrays_in for name in array.names))}
    for array in arrays_out:
        for name in array.names:
            if name not in rank:
                raise UsageError(
                    f'the output "{array}" has the axis "{name}", whose size the input does not have: its axes are '
                    f"{', '.join(rank) or 'none'}"
                )
    for array in (*arrays_in, *arrays_out):
        if len(array.names) > _MOST_AXES:
            raise UsageError(f'expected arrays of at most {_MOST_AXES} permuted axes, got "{array}"')
    return rank


@dataclass(frozen=True)
class ExchangeableMap:
    """One linear map between two arrays that commutes with the permutations of their axes.

    Attributes:
        source: What is read of the input.
        target: Along which indices the output is written.
        matching: The k-th kept index of the target is index ``matching[k]`` of the source.
        axes_in: The axes of the input array.
        axes_out: The axes of the output array.
    """

    source: Reduction
    target: Reduction
    matching: tuple[int, ...]
    axes_in: ArrayAxes
    axes_out: ArrayAxes

    @property
    def pattern(self) -> str:
        """The indices of input and output, such as "x[ab] -> y[ac]": letters on the left alone are averaged over."""
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        of_source = {block: next(letters) for block in range(len(self.source.names))}
        of_target = {
            block: of_source[self.source.kept[place]]
            for block, place in zip(self.target.kept, self.matching, strict=True)
        }
        left = "".join(of_source[block] for block in self.source.blocks)
        words = []
        for block in self.target.blocks:
            if block not in of_target:
                of_target[block] = next(letters)
            words.append(of_target[block])
        right = "".join(words)
        return f"{f'x[{left}]' if left else 'x'} -> {f'y[{right}]' if right else 'y'}"

    @property
    def name(self) -> str:
        """The words "identity", "row mean", "all mean" where axes have different names; else the pattern of indices."""
        names = self.axes_in.names
        straight = self.axes_out.names == names and self.source.kept == self.target.kept
        if not straight or len({*names}) < len(names):
            return self.pattern
        if len(self.source.kept) == len(self.source.names):
            return "identity"
        if not self.source.kept:
            return "all mean"
        return " and ".join(name.removesuffix("s") for name in self.source.key) + " mean"
