"""The depthwise steerable convolution on points: the interaction of NequIP, MACE and Equiformer."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn._blocks import Blocks, spherical_labels
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.conv._point_conv import PointConv
from intertwine.nn.conv._radial import Radial
from intertwine.ops import Coupling, depthwise_conv
from intertwine.reps import Rep, direct_sum


class DepthwiseConv(PointConv):
    """Convolution that couples each channel to the harmonics by itself, summed over the neighbors of each point.

        y_i[path, u] = 1/sqrt(n) sum_j w_path,u(|r_ij|) CG_path (x_j,u (x) Y(r_ij)),   r_ij = position_j - position_i

    A path takes an input block and a degree of the harmonics to an irrep. The output is the direct sum of all paths,
    ``rep_out``: as many copies of an irrep as channels end there, by degree and then parity (what e3nn calls sorted
    and simplified). No channels are mixed: the interaction of NequIP is this layer between two linear maps,

        before, conv = Linear(rep, rep), DepthwiseConv(rep, rep)
        after = Linear(conv.rep_out, rep)

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3), or its text.
        filter_irreps_out: The irreps that the output may have, as a representation of the same group or its text; the
            multiplicities do not matter. ``filter_ir_out`` of e3nn.
        lmax: Highest degree of the spherical harmonics.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them; empty for none.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), the groups differ, or no path ends in
            an irrep of ``filter_irreps_out``; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.depthwise_conv`.

    Memory: the operator takes that of its arguments and a few megabytes; of these the radial functions and harmonics of
    all edges grow with the number of neighbors, as do their gradients.

    Reference: Batzner et al., E(3)-equivariant graph neural networks for interatomic potentials, Nature Communications
    2022, "Convolutions".

    Example:
        >>> conv = DepthwiseConv("2x0e + 1x1o", "0e + 1o", lmax=1)
        >>> str(conv.rep_out)
        '3x0e + 3x1o'
        >>> conv(torch.ones(2, 5), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 12])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        filter_irreps_out: Rep | str,
        *,
        lmax: int = 2,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        rep_in, allowed = same_group("DepthwiseConv", rep_in=rep_in, filter_irreps_out=filter_irreps_out)
        labels = [label for label, _ in spherical_labels(allowed)]
        irreps = dict(zip(labels, (irrep for _, irrep in Blocks.of(allowed).terms), strict=True))
        coupling = Coupling.depthwise(spherical_labels(rep_in), sorted(irreps), lmax, parity=rep_in.group == O3())
        if rep_in.dim and allowed.dim and not coupling.outputs:
            raise ValueError(f"no path from {rep_in} through degrees up to {lmax} ends in an irrep of {allowed}")
        rep_out = direct_sum(rep_in.group, ((channels, irreps[label]) for label, channels in coupling.outputs))
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        self.lmax, self.coupling = lmax, coupling
        self.tensor = Constant(coupling.clebsch_gordan())
        self.radial = Radial(radial_basis, radial_hidden, cutoff)
        channels_out = sum(channels for _, channels in coupling.outputs)
        self.weights = nn.Parameter(torch.empty(self.radial.width, channels_out, dtype=torch.float32))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features and harmonics."""
        nn.init.normal_(self.weights, std=1 / sqrt(self.radial.width))

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Couple each channel with the harmonics of the edges, weigh by the radial functions, sum over neighbors."""
        envelope = self.radial.envelope(geometry.lengths) / sqrt(self.avg_num_neighbors)
        harmonics = geometry.harmonics * envelope[:, None]
        radial = self.radial.factors(geometry.lengths)
        weights, tensor = radial.fold(self.weights), self.tensor()
        return depthwise_conv(features, harmonics, radial.functions, geometry.graph, self.coupling, tensor, weights)

    def extra_repr(self) -> str:
        """The two representations and the degree."""
        return f"{super().extra_repr()}, lmax={self.lmax}"
