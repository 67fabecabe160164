"""The steerable convolution as SO(2) maps in the frames of the edges (eSCN), for high degrees."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn._blocks import spherical_labels
from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.conv._point_conv import PointConv
from intertwine.nn.conv._radial import Radial
from intertwine.ops import SO2Coupling, so2_conv
from intertwine.reps import Rep


class SO2Conv(PointConv):
    """Convolution with dense maps in the frames of the edges: what SO(3) or O(3) allows, at the cost of SO(2).

        y_i = 1/sqrt(n) sum_j D_out(R_ij) W S(|r_ij|) D_in(R_ij)^T x_j,   r_ij = position_j - position_i

    R_ij takes the polar axis to the edge, W commutes with the rotations about it (for O(3) the reflections too), and S
    scales each input channel by a function of the length. With the harmonics to degree l_in + l_out this is the kernel
    of :class:`SteerableConv`, with radial weights that are a product of one for the channel and one for the path.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3), or its text.
        rep_out: Representation of the features that go out, likewise.
        mmax: Highest order |m| that is mixed, all if not given. A lower one is cheaper, and equivariant all the same.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them; empty for none.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), or the groups differ, or mmax is
            negative; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.so2_conv`: the third power of the degree; by paths it would be the sixth.

    Memory: the operator takes that of its arguments and a few megabytes; of these the radial functions and vectors of
    all edges grow with the number of neighbors, as do their gradients.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, eq. 5.

    Example:
        >>> conv = SO2Conv("2x0e", "1x0e + 1x1o")
        >>> conv(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        mmax: int | None = None,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        if mmax is not None and mmax < 0:
            raise ValueError(f"mmax must be at least 0, got {mmax}")
        inputs, outputs = spherical_labels(self.rep_in), spherical_labels(self.rep_out)
        top = max((degree for (degree, _), _ in inputs + outputs), default=0)
        self.mmax = top if mmax is None else min(mmax, top)
        self.coupling = SO2Coupling(inputs, outputs, self.mmax, parity=self.rep_in.group == O3())
        self.radial = Radial(radial_basis, radial_hidden, cutoff)
        self.scales = nn.Parameter(torch.empty(self.radial.width, self.coupling.num_scales, dtype=torch.float32))
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(shape, dtype=torch.float32)) for shape in self.coupling.weight_shapes()
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features."""
        nn.init.normal_(self.scales, std=1 / sqrt(self.radial.width))
        for weight in self.weights:
            nn.init.normal_(weight, std=1 / sqrt(weight.shape[0]))

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Rotate features to the frame of each edge, scale, mix by SO(2) maps, rotate back, sum over neighbors."""
        envelope = self.radial.envelope(geometry.lengths) / sqrt(self.avg_num_neighbors)
        factors = self.radial.factors(geometry.lengths)
        radial, scales, weights = factors.functions * envelope[:, None], factors.fold(self.scales), list(self.weights)
        return so2_conv(features, radial, geometry.vectors, geometry.graph, self.coupling, scales, weights)

    def extra_repr(self) -> str:
        """The two representations and the highest order."""
        return f"{super().extra_repr()}, mmax={self.mmax}"
