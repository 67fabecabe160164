"""The steerable convolution of the tensor field network, with the radial weights mixed after the aggregation.

    y_i = sum_j sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so the sum over edges comes first,

    A_i = sum_j radial(r_ij) (x) CG (x_j (x) Y(r_ij)),           y_i = w A_i,

and one matrix product per pair of irreps replaces one weight matrix per edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from intertwine.ops._graph import Graph
from intertwine.ops._segments import segment_outer
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


def steerable_conv(
    features: Sequence[Tensor],
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> list[Tensor]:
    """Steerable convolution over the edges of a graph, aggregated before it is mixed.

    Args:
        features: One tensor ``(N, 2 l + 1, channels)`` for each input block.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges.
        radial: ``(E, H)`` radial functions of the edge lengths.
        graph: The edges, as :func:`arrange` gives them.
        coupling: The blocks.
        tensor: ``coupling.tensor()`` in the dtype of the features.
        weights: One ``(paths * channels_in * H, channels_out)`` for each of ``coupling.pairs()``.

    Returns:
        One tensor ``(N, 2 l + 1, channels)`` for each output block.

    Law: rotating the edges and the features rotates the result; permuting edges changes nothing.

    Cost: ``2 E H K`` operations to aggregate, with K = sum over paths of (2 l_out + 1) channels_in, and
    ``2 N H K channels_out`` to mix.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    size = graph.size
    results: list[Tensor | None] = [None] * len(coupling.outputs)
    column, weight = 0, iter(weights)
    for i, ((degree, _), _) in enumerate(coupling.inputs):
        rows, width = coupling.rows(i), 2 * degree + 1
        if not rows:
            continue
        columns = sum(height for _, height in rows) * width
        kernel = (harmonics @ tensor[:, column : column + columns]).unflatten(1, (-1, width))
        column += columns
        gathered = _aggregate(features[i].index_select(0, graph.source), kernel, radial, graph)
        for (o, height), part in zip(rows, gathered.split([height for _, height in rows], 1), strict=True):
            components = 2 * coupling.outputs[o][0][0] + 1
            mixed = part.reshape(size * components, height // components * part.shape[2] * part.shape[3]) @ next(weight)
            previous = results[o]
            results[o] = mixed if previous is None else previous + mixed
    return [
        features[0].new_zeros(size, 2 * label[0] + 1, channels)
        if result is None
        else result.unflatten(0, (size, 2 * label[0] + 1)).index_select(0, graph.places)
        for result, (label, channels) in zip(results, coupling.outputs, strict=True)
    ]


def _aggregate(neighbours: Tensor, kernel: Tensor, radial: Tensor, graph: Graph) -> Tensor:
    """Sum kernel, neighbour and radial functions over the edges.

    Scalars need no coupling: there the few radial functions are steered instead of the many channels.

    Args:
        neighbours: ``(E, 2 l_in + 1, channels)``.
        kernel: ``(E, rows, 2 l_in + 1)``.
        radial: ``(E, H)``.
        graph: The edges.

    Returns:
        ``(N, rows, channels, H)``, nodes in the order of their ranks.
    """
    size, rows, channels, width = graph.size, kernel.shape[1], neighbours.shape[2], radial.shape[1]
    if kernel.shape[2] == 1:
        steered = kernel * radial[:, None]
        gathered = segment_outer(neighbours[:, 0], steered.flatten(1), graph.rank, size)
        return gathered.reshape(size, channels, rows, width).transpose(1, 2)
    message = (kernel @ neighbours).flatten(1)
    return segment_outer(message, radial, graph.rank, size).reshape(size, rows, channels, width)
