"""Paths of a steerable convolution: input irrep x spherical harmonic -> output irrep, with Clebsch-Gordan tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import torch
from torch import Tensor

from intertwine.reps import wigner_3j

IrrepLabel = tuple[int, int]  # degree l and parity: 1 for even, -1 for odd


@dataclass(frozen=True)
class Coupling:
    """Paths of a steerable convolution: which harmonics couple which input irrep to which output irrep.

    A block is a number of channels of one irrep ("8x1o"), with the channels outermost. A path is an input block, a
    degree of the harmonics and an output block; e3nn calls it an instruction.

    Attributes:
        inputs: (degree, parity) and channels of each input block.
        outputs: (degree, parity) and channels of each output block.
        lmax: Highest degree of the harmonics.
        parity: Whether parity is conserved (O(3)) or ignored (SO(3)).
    """

    inputs: tuple[tuple[IrrepLabel, int], ...]
    outputs: tuple[tuple[IrrepLabel, int], ...]
    lmax: int
    parity: bool = True

    @classmethod
    def depthwise(
        cls,
        inputs: Sequence[tuple[IrrepLabel, int]],
        filter_irreps_out: Sequence[IrrepLabel],
        lmax: int,
        parity: bool = True,
    ) -> Coupling:
        """The coupling of a depthwise convolution ("uvu"), in which channels are not mixed.

        Args:
            inputs: (degree, parity) and channels of each input block.
            filter_irreps_out: (degree, parity) of each output block.
            lmax: Highest degree of the harmonics.
            parity: Whether parity is conserved.

        Returns:
            The coupling whose output blocks hold the channels of all paths that end there, in the order of their input
            blocks and then of their degrees. Output irreps that no path reaches are left out.
        """
        labels = dict.fromkeys(filter_irreps_out)
        unsized = cls(tuple(inputs), tuple((label, 0) for label in labels), lmax, parity)
        outputs = tuple((label, unsized.fan_in(o)) for o, (label, _) in enumerate(unsized.outputs))
        return cls(unsized.inputs, tuple(output for output in outputs if output[1]), lmax, parity)

    def paths(self, source: int, target: int) -> list[int]:
        """Degrees of the harmonics that couple input block ``source`` to output block ``target``."""
        (l_in, p_in), (l_out, p_out) = self.inputs[source][0], self.outputs[target][0]
        degrees = range(abs(l_in - l_out), min(l_in + l_out, self.lmax) + 1)
        return [degree for degree in degrees if not self.parity or p_in * p_out == (-1) ** degree]

    def pairs(self) -> list[tuple[int, int]]:
        """The coupled (input block, output block) pairs, input by input."""
        all_pairs = ((i, o) for i in range(len(self.inputs)) for o in range(len(self.outputs)))
        return [(i, o) for i, o in all_pairs if self.paths(i, o)]

    def weight_shapes(self) -> list[tuple[int, int]]:
        """For each of the pairs: paths times input channels, and output channels."""
        return [(len(self.paths(i, o)) * self.inputs[i][1], self.outputs[o][1]) for i, o in self.pairs()]

    def fan_in(self, target: int) -> int:
        """Number of paths times channels that end in output block ``target``."""
        return sum(channels * len(self.paths(i, target)) for i, (_, channels) in enumerate(self.inputs))

    def rows(self, source: int) -> list[tuple[int, int]]:
        """Output blocks coupled to input block ``source``, each with its number of (m_out, path) rows."""
        sizes = ((o, (2 * self.outputs[o][0][0] + 1) * len(self.paths(source, o))) for o in range(len(self.outputs)))
        return [(o, size) for o, size in sizes if size]

    def clebsch_gordan(self) -> Tensor:
        """Clebsch-Gordan coefficients of all paths: ``harmonics @ clebsch_gordan`` holds all kernels of an edge.

        For each input block, and in it for each output block, the kernel is a matrix ((m_out, path), m_in).

        Returns:
            ``((lmax + 1)^2, sum over inputs of rows * (2 l_in + 1))``, float64. Each path is an isometry times the
            scale that keeps the variance of its input for |Y_l|^2 = 2 l + 1.
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

    def encode(self) -> list[int]:
        """The coupling as integers, which an operator can take; :func:`decode_coupling` is the inverse."""
        blocks = [(*label, channels) for label, channels in self.inputs + self.outputs]
        return [self.lmax, int(self.parity), len(self.inputs), *(number for block in blocks for number in block)]

    @property
    def dim_in(self) -> int:
        """Dimension of the input features."""
        return sum((2 * degree + 1) * channels for (degree, _), channels in self.inputs)

    @property
    def dim_out(self) -> int:
        """Dimension of the output features."""
        return sum((2 * degree + 1) * channels for (degree, _), channels in self.outputs)


@lru_cache(maxsize=256)
def decode_coupling(code: tuple[int, ...]) -> Coupling:
    """The inverse of :meth:`Coupling.encode`."""
    lmax, parity, inputs, *numbers = code
    blocks = [((degree, sign), channels) for degree, sign, channels in zip(*[iter(numbers)] * 3, strict=True)]
    return Coupling(tuple(blocks[:inputs]), tuple(blocks[inputs:]), lmax, bool(parity))
