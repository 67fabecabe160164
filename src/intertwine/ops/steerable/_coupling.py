"""Which harmonics take which input irrep to which output irrep, and where each block stands in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.reps import wigner_3j

Label = tuple[int, int]  # degree and parity


@dataclass(frozen=True)
class Coupling:
    """Which harmonics take which input irrep to which output irrep: the nonzero blocks of the kernel.

    Attributes:
        inputs: (degree, parity) and channels of each input block.
        outputs: (degree, parity) and channels of each output block.
        lmax: Highest degree of the harmonics.
        parity: Whether parity is conserved (O(3)) or ignored (SO(3)).
    """

    inputs: tuple[tuple[Label, int], ...]
    outputs: tuple[tuple[Label, int], ...]
    lmax: int
    parity: bool = True

    @classmethod
    def depthwise(
        cls, inputs: Sequence[tuple[Label, int]], kept: Sequence[Label], lmax: int, parity: bool = True
    ) -> Coupling:
        """The coupling of a depthwise convolution, where each path keeps its channels to itself.

        Args:
            inputs: (degree, parity) and channels of each input block.
            kept: (degree, parity) of each output block.
            lmax: Highest degree of the harmonics.
            parity: Whether parity is conserved.

        Returns:
            The coupling whose output blocks hold the channels of all paths that end there, in the order of their input
            blocks and then of their degrees. Labels where no path ends are left out.
        """
        every = cls(tuple(inputs), tuple((label, 0) for label in dict.fromkeys(kept)), lmax, parity)
        outputs = tuple((label, every.fan_in(o)) for o, (label, _) in enumerate(every.outputs))
        return cls(every.inputs, tuple(output for output in outputs if output[1]), lmax, parity)

    def paths(self, source: int, target: int) -> list[int]:
        """Degrees of the harmonics that couple input block ``source`` to output block ``target``."""
        (l_in, p_in), (l_out, p_out) = self.inputs[source][0], self.outputs[target][0]
        degrees = range(abs(l_in - l_out), min(l_in + l_out, self.lmax) + 1)
        return [degree for degree in degrees if not self.parity or p_in * p_out == (-1) ** degree]

    def pairs(self) -> list[tuple[int, int]]:
        """The coupled (input block, output block) pairs, input by input."""
        both = ((i, o) for i in range(len(self.inputs)) for o in range(len(self.outputs)))
        return [(i, o) for i, o in both if self.paths(i, o)]

    def weight_shapes(self) -> list[tuple[int, int]]:
        """For each of the pairs: paths times input channels, and output channels."""
        return [(len(self.paths(i, o)) * self.inputs[i][1], self.outputs[o][1]) for i, o in self.pairs()]

    def fan_in(self, target: int) -> int:
        """Number of paths times channels that end in output block ``target``."""
        return sum(channels * len(self.paths(i, target)) for i, (_, channels) in enumerate(self.inputs))

    def rows(self, source: int) -> list[tuple[int, int]]:
        """Output blocks coupled to input block ``source``, each with its number of (component, path) rows."""
        sizes = ((o, (2 * self.outputs[o][0][0] + 1) * len(self.paths(source, o))) for o in range(len(self.outputs)))
        return [(o, size) for o, size in sizes if size]

    def tensor(self) -> Tensor:
        """Clebsch-Gordan blocks: harmonics @ tensor holds, input by input, the matrices ((m_out, path), m_in).

        Returns:
            ``((lmax + 1)^2, sum over inputs of rows * (2 l_in + 1))``, float64. A block is an isometry times the scale
            that keeps the variance of its input for |Y_l|^2 = 2 l + 1.
        """
        columns = []
        for i, ((l_in, _), _) in enumerate(self.inputs):
            for o, _ in self.rows(i):
                l_out, degrees = self.outputs[o][0][0], self.paths(i, o)
                block = torch.zeros(
                    (self.lmax + 1) ** 2, 2 * l_out + 1, len(degrees), 2 * l_in + 1, dtype=torch.float64
                )
                for k, degree in enumerate(degrees):
                    isometry = wigner_3j(l_in, degree, l_out) * sqrt(2 * l_out + 1)
                    block[degree**2 : (degree + 1) ** 2, :, k] = isometry.permute(1, 2, 0)
                columns.append(block.flatten(1))
        return torch.cat(columns, 1) if columns else torch.zeros((self.lmax + 1) ** 2, 0, dtype=torch.float64)

    def code(self) -> list[int]:
        """The coupling as plain integers, which an operator takes; :func:`decode` is the inverse."""
        blocks = [(*label, channels) for label, channels in self.inputs + self.outputs]
        return [self.lmax, int(self.parity), len(self.inputs), *(number for block in blocks for number in block)]


class Pair(NamedTuple):
    """A coupled pair of blocks: the output, its components and channels, its message rows, its place in the weights."""

    output: int
    components: int
    channels: int
    rows: slice
    fan_in: int
    weights: slice


class Block(NamedTuple):
    """An input block: its place in the features, components and channels, its kernel's columns, its pairs."""

    features: slice
    components: int
    channels: int
    columns: slice
    rows: int
    pairs: tuple[Pair, ...]


class Layout(NamedTuple):
    """Where everything stands. Slices of the weights count in units of the number of radial functions."""

    blocks: tuple[Block, ...]
    outputs: tuple[tuple[int, int], ...]

    @property
    def dim(self) -> int:
        """Length of the flat output."""
        return sum(components * channels for components, channels in self.outputs)


@lru_cache(maxsize=256)
def decode(code: tuple[int, ...]) -> Coupling:
    """The coupling that :meth:`Coupling.code` wrote."""
    lmax, parity, inputs, *numbers = code
    blocks = [((degree, sign), copies) for degree, sign, copies in zip(*[iter(numbers)] * 3, strict=True)]
    return Coupling(tuple(blocks[:inputs]), tuple(blocks[inputs:]), lmax, bool(parity))


@lru_cache(maxsize=256)
def layout(coupling: Coupling) -> Layout:
    """Offsets of all blocks of a coupling in the flat features, the kernel and the flat weights."""
    blocks, feature, column, weight = [], 0, 0, 0
    for i, ((degree, _), channels) in enumerate(coupling.inputs):
        components, row, pairs = 2 * degree + 1, 0, []
        for o, height in coupling.rows(i):
            (l_out, _), copies = coupling.outputs[o]
            fan_in = len(coupling.paths(i, o)) * channels
            place = slice(weight, weight + fan_in * copies)
            pairs.append(Pair(o, 2 * l_out + 1, copies, slice(row, row + height), fan_in, place))
            row, weight = row + height, place.stop
        end = (feature + components * channels, column + row * components)
        if pairs:
            where = slice(feature, end[0]), slice(column, end[1])
            blocks.append(Block(where[0], components, channels, where[1], row, tuple(pairs)))
        feature, column = end
    outputs = tuple((2 * degree + 1, channels) for (degree, _), channels in coupling.outputs)
    return Layout(tuple(blocks), outputs)
