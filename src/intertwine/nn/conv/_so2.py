"""The steerable convolution in the frames of the edges (eSCN): for high degrees."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import O3
from intertwine.nn._blocks import Blocks, spherical_labels
from intertwine.nn.conv._geometry import Geometry, resolve
from intertwine.nn.conv._radial import Radial
from intertwine.ops import SO2Coupling, so2_conv
from intertwine.reps import Rep


class SO2Conv(nn.Module):
    """Convolution with dense maps in the frames of the edges: what SO(3) or O(3) allows, at the cost of SO(2).

        y_i = 1/sqrt(n) sum_j D_out(R_ij) W S(|r_ij|) D_in(R_ij)^T x_j,   r_ij = position_j - position_i

    R_ij takes the polar axis to the edge, W commutes with the rotations about it (for O(3) the reflections too), and S
    scales each input channel by a function of the length. With the harmonics to degree l_in + l_out this is the kernel
    of :class:`SteerableConv`, with radial weights that are a product of one for the channel and one for the path.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3).
        rep_out: Representation of the features that go out.
        mmax: Highest order |m| that is mixed, all if not given. A lower one is cheaper, and equivariant all the same.
        radial: Number of radial basis functions and, after it, hidden widths of the network on them.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), or the groups differ, or mmax is
            negative; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.so2_conv`: the third power of the degree; by paths it would be the sixth.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, eq. 5.

    Example:
        >>> from intertwine.groups import O3
        >>> conv = SO2Conv(O3().rep("2x0e"), O3().rep("1x0e + 1x1o"))
        >>> conv(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep,
        *,
        mmax: int | None = None,
        radial: Sequence[int] = (8, 64),
        cutoff: float = 5.0,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        if rep_in.group != rep_out.group:
            raise ValueError(
                f"rep_in is of {rep_in.group} and rep_out of {rep_out.group}; a convolution needs one group"
            )
        if not neighbors > 0:
            raise ValueError(f"neighbors must be positive, got {neighbors}")
        if mmax is not None and mmax < 0:
            raise ValueError(f"mmax must be at least 0, got {mmax}")
        self.rep_in, self.rep_out, self.neighbors = rep_in, rep_out, float(neighbors)
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self._in = Blocks.of(rep_in)
        inputs, outputs = spherical_labels(rep_in), spherical_labels(rep_out)
        top = max((degree for (degree, _), _ in inputs + outputs), default=0)
        self.mmax = top if mmax is None else min(mmax, top)
        self.coupling = SO2Coupling(inputs, outputs, self.mmax, parity=rep_in.group == O3())
        self.radial = Radial(radial, cutoff)
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

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry, of any degree, that layers share and that brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        self._in.check(features, "SO2Conv")
        graph, vectors, lengths, _ = resolve(positions, edges)
        radial = self.radial(lengths) / sqrt(self.neighbors)
        return so2_conv(features, radial, vectors, graph, self.coupling, self.scales, list(self.weights))

    def extra_repr(self) -> str:
        """The two representations and the highest order."""
        return f"{self.rep_in} -> {self.rep_out}, mmax={self.mmax}"
