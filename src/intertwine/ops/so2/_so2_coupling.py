"""Which components meet in the frame of an edge, and where everything stands in memory.

A kernel at the pole commutes with the rotations about it (SO(2)), for O(3) also with the reflections that leave it
alone (O(2)). The components m and m' of a degree are one irrep of either; so, by Schur,

    SO(3):  y_m = a x_m - b x_m',   y_m' = b x_m + a x_m'        for m > 0,   y_0 = a x_0
    O(3):   y_m = a x_m,            y_m' = a x_m'                for m > 0,   y_0 = a x_0 or nothing

where in the second line the components of a degree whose parity is not that of the harmonics are turned by a quarter
first, which makes b an a; and 0 meets 0 only if both parities are those of the harmonics, or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from intertwine.ops.steerable._coupling import Label


class FrameBlock(NamedTuple):
    """A block seen in the frame: its components of one kind.

    Attributes:
        block: Which input or output block.
        degree: l.
        kind: 1 for the components as they are, -1 for those turned by a quarter.
        lowest: The lowest m that takes part.
        channels: Copies of the irrep.
    """

    block: int
    degree: int
    kind: int
    lowest: int
    channels: int


class Group(NamedTuple):
    """All strands that meet at one m: one dense matrix.

    Attributes:
        m: The order.
        inputs: Which input strands, side by side.
        outputs: Which output strands.
        shape: Input and output channels: the shape of the weights.
        runs: Where channels of the group (first) take which scales (second): slices.
    """

    m: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, int]
    runs: tuple[tuple[slice, slice], ...]


Place = tuple[int, slice] | None  # a group and the channels in it
Where = tuple[int, slice, slice]  # a group, its rows and its columns


class EdgeLayout(NamedTuple):
    """Strands and groups of a coupling.

    Attributes:
        inputs: The input strands.
        outputs: The output strands.
        groups: The groups, m ascending.
        inputs_at: For each input strand, where its components of each m are mixed; ``None`` where they are not.
        outputs_at: For each output strand, likewise.
        lmax: The highest degree.
    """

    inputs: tuple[FrameBlock, ...]
    outputs: tuple[FrameBlock, ...]
    groups: tuple[Group, ...]
    inputs_at: tuple[tuple[Place, ...], ...]
    outputs_at: tuple[tuple[Place, ...], ...]
    lmax: int


@dataclass(frozen=True)
class SO2Coupling:
    """The blocks of an SO(2) convolution.

    Attributes:
        inputs: (degree, parity) and channels of each input block.
        outputs: (degree, parity) and channels of each output block.
        mmax: Highest order |m| that is mixed; the components of higher order are dropped.
        parity: Whether parity is conserved (O(3)) or ignored (SO(3)).

    Example:
        >>> SO2Coupling((((1, -1), 4),), (((1, -1), 2), ((1, 1), 3)), mmax=1).weight_shapes()
        [(4, 2), (4, 5)]
    """

    inputs: tuple[tuple[Label, int], ...]
    outputs: tuple[tuple[Label, int], ...]
    mmax: int
    parity: bool = True

    def weight_shapes(self) -> list[tuple[int, int]]:
        """Input and output channels of each group: m = 0 (for O(3) each kind by itself), 1, 2 .. mmax."""
        return [group.shape for group in edge_layout(self).groups]

    def scale_order(self) -> list[int]:
        """The input blocks in the order in which their channels take their scales."""
        return list(dict.fromkeys(strand.block for strand in edge_layout(self).inputs))

    @property
    def scales(self) -> int:
        """The number of input channels, each of which an edge scales."""
        return sum(channels for _, channels in self.inputs)

    def code(self) -> list[int]:
        """The coupling as plain integers, which an operator takes; :func:`decode_edges` is the inverse."""
        blocks = [(*label, channels) for label, channels in self.inputs + self.outputs]
        return [self.mmax, int(self.parity), len(self.inputs), *(number for block in blocks for number in block)]


@lru_cache(maxsize=256)
def decode_edges(code: tuple[int, ...]) -> SO2Coupling:
    """The coupling that :meth:`SO2Coupling.code` wrote."""
    mmax, parity, inputs, *numbers = code
    blocks = [((degree, sign), copies) for degree, sign, copies in zip(*[iter(numbers)] * 3, strict=True)]
    return SO2Coupling(tuple(blocks[:inputs]), tuple(blocks[inputs:]), mmax, bool(parity))


@lru_cache(maxsize=256)
def edge_layout(coupling: SO2Coupling) -> EdgeLayout:
    """The strands of a coupling and their groups."""
    inputs, outputs = _strands(coupling.inputs, coupling.parity), _strands(coupling.outputs, coupling.parity)
    if not coupling.parity:
        inputs += [strand._replace(kind=-1, lowest=1) for strand in inputs]
    places, offset = {}, 0
    for strand in inputs:
        if strand.block not in places:
            places[strand.block] = offset
            offset += strand.channels
    top = max((strand.degree for strand in inputs + outputs), default=0)
    groups = []
    for m in range(min(coupling.mmax, top) + 1):
        for kinds in ((1,), (-1,)) if m == 0 else ((1, -1),):
            here, there = (
                [i for i, s in enumerate(strands) if s.lowest <= m <= s.degree and s.kind in kinds]
                for strands in (inputs, outputs)
            )
            if here and there:
                shape = sum(inputs[i].channels for i in here), sum(outputs[i].channels for i in there)
                groups.append(Group(m, tuple(here), tuple(there), shape, _runs([inputs[i] for i in here], places)))
    inputs_at = _places(inputs, [group.inputs for group in groups], groups, coupling.mmax)
    outputs_at = _places(outputs, [group.outputs for group in groups], groups, coupling.mmax)
    return EdgeLayout(tuple(inputs), tuple(outputs), tuple(groups), inputs_at, outputs_at, top)


def _places(
    strands: Sequence[FrameBlock], members: Sequence[Sequence[int]], groups: Sequence[Group], mmax: int
) -> tuple[tuple[Place, ...], ...]:
    """Where each strand stands in the groups of each m."""
    places: list[list[Place]] = [[None] * (min(strand.degree, mmax) + 1) for strand in strands]
    for number, (group, inside) in enumerate(zip(groups, members, strict=True)):
        column = 0
        for i in inside:
            places[i][group.m] = number, slice(column, column + strands[i].channels)
            column += strands[i].channels
    return tuple(tuple(place) for place in places)


def _strands(blocks: Sequence[tuple[Label, int]], parity: bool) -> list[FrameBlock]:
    """One strand for each block, those of kind 1 first, by degree."""
    strands = [
        FrameBlock(i, degree, sign * (-1) ** degree if parity else 1, 0, channels)
        for i, ((degree, sign), channels) in enumerate(blocks)
    ]
    return sorted(strands, key=lambda strand: (-strand.kind, strand.degree, strand.block))


def _runs(strands: Sequence[FrameBlock], places: dict[int, int]) -> tuple[tuple[slice, slice], ...]:
    """Slices of a group's channels and of the scales, as few as there can be."""
    runs: list[tuple[slice, slice]] = []
    column = 0
    for strand in strands:
        start, stop = places[strand.block], column + strand.channels
        if runs and runs[-1][1].stop == start:
            runs[-1] = slice(runs[-1][0].start, stop), slice(runs[-1][1].start, start + strand.channels)
        else:
            runs.append((slice(column, stop), slice(start, start + strand.channels)))
        column = stop
    return tuple(runs)


def shared_places(coupling: SO2Coupling, source: FrameBlock, target: FrameBlock) -> list[tuple[Where, int]]:
    """Where the weights from an input strand to an output strand stand, and their m."""
    layout = edge_layout(coupling)
    here = layout.inputs_at[layout.inputs.index(source)]
    there = layout.outputs_at[layout.outputs.index(target)]
    return [
        ((row[0], row[1], column[1]), m)
        for m, (row, column) in enumerate(zip(here, there, strict=False))
        if row is not None and column is not None and row[0] == column[0]
    ]
