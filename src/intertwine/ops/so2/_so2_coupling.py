"""Blocks of the SO(2) convolution: which components are mixed in the frame of an edge, order by order.

A kernel at the pole commutes with the rotations about it (SO(2)), for O(3) also with the reflections that fix it
(O(2)). The components m and m' of a degree are one irrep of either; so, by Schur's lemma,

    SO(3):  y_m = a x_m - b x_m',   y_m' = b x_m + a x_m'        for m > 0,   y_0 = a x_0
    O(3):   y_m = a x_m,            y_m' = a x_m'                for m > 0,   y_0 = a x_0 or nothing

where for O(3) the components of a degree whose parity is not that of the harmonics are first rotated by a quarter turn,
which makes b an a; and 0 is mixed with 0 only if both parities are those of the harmonics, or neither. For SO(3) the b
terms are those of a second copy of the inputs, rotated by a quarter turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from intertwine.ops.steerable import IrrepLabel


class FrameBlock(NamedTuple):
    """An input or output block in the frame of an edge.

    Attributes:
        block: Index of the block.
        degree: l.
        reflection_sign: Sign of the component 0 under reflections that fix the edge; -1: rotated by a quarter turn.
        min_order: Lowest order m that takes part.
        channels: Number of channels.
    """

    block: int
    degree: int
    reflection_sign: int
    min_order: int
    channels: int


class OrderBlock(NamedTuple):
    """All frame blocks that are mixed at one order m: one dense matrix.

    Attributes:
        m: The order.
        inputs: Indices of the input frame blocks, whose channels stand side by side.
        outputs: Indices of the output frame blocks.
        shape: Input and output channels: the shape of the weights.
        scale_slices: Pairs of slices: these input channels are scaled by those scales.
    """

    m: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, int]
    scale_slices: tuple[tuple[slice, slice], ...]


OrderChannels = tuple[int, slice]  # an order block, and channels in it
WeightSlice = tuple[int, slice, slice]  # an order block, and rows and columns of its weights


class SO2Layout(NamedTuple):
    """Frame blocks and order blocks of a coupling.

    Attributes:
        inputs: The input frame blocks.
        outputs: The output frame blocks.
        orders: The order blocks, m ascending.
        input_channels: For each input frame block and each m, its channels in an order block, or ``None``.
        output_channels: For each output frame block, likewise.
        lmax: The highest degree.
    """

    inputs: tuple[FrameBlock, ...]
    outputs: tuple[FrameBlock, ...]
    orders: tuple[OrderBlock, ...]
    input_channels: tuple[tuple[OrderChannels | None, ...], ...]
    output_channels: tuple[tuple[OrderChannels | None, ...], ...]
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

    inputs: tuple[tuple[IrrepLabel, int], ...]
    outputs: tuple[tuple[IrrepLabel, int], ...]
    mmax: int
    parity: bool = True

    def weight_shapes(self) -> list[tuple[int, int]]:
        """Input and output channels at each order: m = 0 (for O(3) once for each reflection sign), 1, 2 .. mmax."""
        return [block.shape for block in so2_layout(self).orders]

    def scale_order(self) -> list[int]:
        """Indices of the input blocks in the order of their scales."""
        return list(dict.fromkeys(frame.block for frame in so2_layout(self).inputs))

    @property
    def num_scales(self) -> int:
        """Number S of input channels, each of which is scaled by a function of the edge length."""
        return sum(channels for _, channels in self.inputs)

    def encode(self) -> list[int]:
        """The coupling as integers, which an operator can take; :func:`decode_so2_coupling` is the inverse."""
        blocks = [(*label, channels) for label, channels in self.inputs + self.outputs]
        return [self.mmax, int(self.parity), len(self.inputs), *(number for block in blocks for number in block)]


@lru_cache(maxsize=256)
def decode_so2_coupling(code: tuple[int, ...]) -> SO2Coupling:
    """The inverse of :meth:`SO2Coupling.encode`."""
    mmax, parity, inputs, *numbers = code
    blocks = [((degree, sign), channels) for degree, sign, channels in zip(*[iter(numbers)] * 3, strict=True)]
    return SO2Coupling(tuple(blocks[:inputs]), tuple(blocks[inputs:]), mmax, bool(parity))


@lru_cache(maxsize=256)
def so2_layout(coupling: SO2Coupling) -> SO2Layout:
    """Frame blocks and order blocks of a coupling."""
    inputs, outputs = (_frame_blocks(blocks, coupling.parity) for blocks in (coupling.inputs, coupling.outputs))
    if not coupling.parity:
        inputs += [frame._replace(reflection_sign=-1, min_order=1) for frame in inputs]
    scale_starts, offset = {}, 0
    for frame in inputs:
        if frame.block not in scale_starts:
            scale_starts[frame.block] = offset
            offset += frame.channels
    lmax = max((frame.degree for frame in inputs + outputs), default=0)
    orders = []
    for m in range(min(coupling.mmax, lmax) + 1):
        for signs in ((1,), (-1,)) if m == 0 else ((1, -1),):
            i_in, i_out = (
                [i for i, f in enumerate(frames) if f.min_order <= m <= f.degree and f.reflection_sign in signs]
                for frames in (inputs, outputs)
            )
            if i_in and i_out:
                shape = sum(inputs[i].channels for i in i_in), sum(outputs[i].channels for i in i_out)
                scale_slices = _scale_slices([inputs[i] for i in i_in], scale_starts)
                orders.append(OrderBlock(m, tuple(i_in), tuple(i_out), shape, scale_slices))
    input_channels = _order_channels(inputs, [block.inputs for block in orders], orders, coupling.mmax)
    output_channels = _order_channels(outputs, [block.outputs for block in orders], orders, coupling.mmax)
    return SO2Layout(tuple(inputs), tuple(outputs), tuple(orders), input_channels, output_channels, lmax)


def _frame_blocks(blocks: Sequence[tuple[IrrepLabel, int]], parity: bool) -> list[FrameBlock]:
    """One frame block for each block, those of reflection sign 1 first, then by degree."""
    frames = [
        FrameBlock(i, degree, sign * (-1) ** degree if parity else 1, 0, channels)
        for i, ((degree, sign), channels) in enumerate(blocks)
    ]
    return sorted(frames, key=lambda frame: (-frame.reflection_sign, frame.degree, frame.block))


def _order_channels(
    frames: Sequence[FrameBlock], members: Sequence[Sequence[int]], orders: Sequence[OrderBlock], mmax: int
) -> tuple[tuple[OrderChannels | None, ...], ...]:
    """For each frame block and each m, its channels in an order block; ``members`` are the frame blocks of each."""
    result: list[list[OrderChannels | None]] = [[None] * (min(frame.degree, mmax) + 1) for frame in frames]
    for number, (order, indices) in enumerate(zip(orders, members, strict=True)):
        column = 0
        for i in indices:
            result[i][order.m] = number, slice(column, column + frames[i].channels)
            column += frames[i].channels
    return tuple(tuple(channels) for channels in result)


def _scale_slices(frames: Sequence[FrameBlock], scale_starts: dict[int, int]) -> tuple[tuple[slice, slice], ...]:
    """Slices of the channels of an order block and of the scales, merged where both are contiguous."""
    slices: list[tuple[slice, slice]] = []
    column = 0
    for frame in frames:
        start, stop = scale_starts[frame.block], column + frame.channels
        if slices and slices[-1][1].stop == start:
            slices[-1] = slice(slices[-1][0].start, stop), slice(slices[-1][1].start, start + frame.channels)
        else:
            slices.append((slice(column, stop), slice(start, start + frame.channels)))
        column = stop
    return tuple(slices)


def weight_slices(coupling: SO2Coupling, source: FrameBlock, target: FrameBlock) -> list[tuple[WeightSlice, int]]:
    """The weights from an input frame block to an output frame block at each order, and the order m."""
    layout = so2_layout(coupling)
    channels_in = layout.input_channels[layout.inputs.index(source)]
    channels_out = layout.output_channels[layout.outputs.index(target)]
    return [
        ((rows[0], rows[1], columns[1]), m)
        for m, (rows, columns) in enumerate(zip(channels_in, channels_out, strict=False))
        if rows is not None and columns is not None and rows[0] == columns[0]
    ]
