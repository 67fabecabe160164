"""The depthwise steerable convolution on points: the interaction of NequIP, MACE and Equiformer."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import O3
from intertwine.nn._blocks import Blocks, spherical_labels
from intertwine.nn._constant import Constant
from intertwine.nn.conv._geometry import Geometry, resolve
from intertwine.nn.conv._radial import Radial
from intertwine.ops import Coupling, depthwise_conv
from intertwine.reps import Rep, direct_sum


class DepthwiseConv(nn.Module):
    """Convolution that couples each channel to the harmonics by itself, summed over the neighbors of each point.

        y_i[path, u] = 1/sqrt(n) sum_j w_path,u(|r_ij|) CG_path (x_j,u (x) Y(r_ij)),   r_ij = position_j - position_i

    A path takes an input block and a degree of the harmonics to an irrep. The output is the direct sum of all paths,
    ``rep_out``: as many copies of an irrep as channels end there, by degree and then parity (what e3nn calls sorted
    and simplified). No channels are mixed: the interaction of NequIP is this layer between two linear maps,

        before, conv = Linear(rep, rep), DepthwiseConv(rep, rep)
        after = Linear(conv.rep_out, rep)

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3).
        kept: Representation of the same group whose irreps are kept in the output; its multiplicities do not matter.
        lmax: Highest degree of the spherical harmonics.
        radial: Number of radial basis functions and, after it, hidden widths of the network on them.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), the groups differ, or no path ends in
            an irrep that is kept; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.depthwise_conv`.

    Reference: Batzner et al., E(3)-equivariant graph neural networks for interatomic potentials, Nature Communications
    2022, "Convolutions".

    Example:
        >>> from intertwine.groups import O3
        >>> conv = DepthwiseConv(O3().rep("2x0e + 1x1o"), O3().rep("0e + 1o"), lmax=1)
        >>> str(conv.rep_out)
        '3x0e + 3x1o'
        >>> conv(torch.ones(2, 5), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 12])
    """

    def __init__(
        self,
        rep_in: Rep,
        kept: Rep,
        *,
        lmax: int = 2,
        radial: Sequence[int] = (8, 64),
        cutoff: float = 5.0,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        if rep_in.group != kept.group:
            raise ValueError(f"rep_in is of {rep_in.group} and kept of {kept.group}; a convolution needs one group")
        if not neighbors > 0:
            raise ValueError(f"neighbors must be positive, got {neighbors}")
        group = rep_in.group
        irreps = {
            label: irrep for (label, _), (_, irrep) in zip(spherical_labels(kept), Blocks.of(kept).terms, strict=True)
        }
        self.coupling = Coupling.depthwise(spherical_labels(rep_in), sorted(irreps), lmax, parity=group == O3())
        if not self.coupling.outputs:
            raise ValueError(f"no path from {rep_in} through degrees up to {lmax} ends in an irrep of {kept}")
        self.rep_in, self.lmax, self.neighbors = rep_in, lmax, float(neighbors)
        self.rep_out = direct_sum(group, ((channels, irreps[label]) for label, channels in self.coupling.outputs))
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(self.rep_out)
        self._in = Blocks.of(rep_in)
        self.tensor = Constant(self.coupling.clebsch_gordan())
        self.radial = Radial(radial, cutoff)
        irreps_out = sum(channels for _, channels in self.coupling.outputs)
        self.weights = nn.Parameter(torch.empty(self.radial.width, irreps_out, dtype=torch.float32))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features and harmonics."""
        nn.init.normal_(self.weights, std=1 / sqrt(self.radial.width))

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry, of degree ``lmax``, that layers share and that brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        self._in.check(features, "DepthwiseConv")
        graph, _, lengths, harmonics = resolve(positions, edges, self.lmax)
        ended = harmonics * (self.radial.envelope(lengths) / sqrt(self.neighbors))[:, None]
        radial = self.radial.values(lengths)
        return depthwise_conv(features, ended, radial, graph, self.coupling, self.tensor(), self.weights)

    def extra_repr(self) -> str:
        """The two representations and the degree."""
        return f"{self.rep_in} -> {self.rep_out}, lmax={self.lmax}"
