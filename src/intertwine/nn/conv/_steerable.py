"""The steerable convolution on points: the tensor field network layer."""

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
from intertwine.ops import Coupling, steerable_conv
from intertwine.reps import Rep


class SteerableConv(nn.Module):
    """Convolution with the kernel that SO(3) or O(3) allows, summed over the neighbors of each point.

        y_i = 1/sqrt(n) sum_j sum_paths W_path(|r_ij|) CG (x_j (x) Y(r_ij)),   r_ij = position_j - position_i

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3).
        rep_out: Representation of the features that go out.
        lmax: Highest degree of the spherical harmonics.
        radial: Number of radial basis functions and, after it, hidden widths of the network on them.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), or the groups differ; in ``forward`` if
            the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.steerable_conv`.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3; Weiler et al., 3D steerable CNNs, NeurIPS 2018, eq. 7.

    Example:
        >>> from intertwine.groups import O3
        >>> conv = SteerableConv(O3().rep("2x0e"), O3().rep("1x0e + 1x1o"), lmax=1)
        >>> conv(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep,
        *,
        lmax: int = 2,
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
        self.rep_in, self.rep_out, self.lmax, self.neighbors = rep_in, rep_out, lmax, float(neighbors)
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self._in = Blocks.of(rep_in)
        self.coupling = Coupling(spherical_labels(rep_in), spherical_labels(rep_out), lmax, parity=rep_in.group == O3())
        self.tensor = Constant(self.coupling.clebsch_gordan())
        self.radial = Radial(radial, cutoff)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(rows * self.radial.width, columns, dtype=torch.float32))
            for rows, columns in self.coupling.weight_shapes()
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features and harmonics."""
        for (_, o), weight in zip(self.coupling.pairs(), self.weights, strict=True):
            nn.init.normal_(weight, std=1 / sqrt(self.coupling.fan_in(o) * self.radial.width))

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry, of degree ``lmax``, that layers share and that brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        self._in.check(features, "SteerableConv")
        graph, _, lengths, harmonics = resolve(positions, edges, self.lmax)
        ended = harmonics * (self.radial.envelope(lengths) / sqrt(self.neighbors))[:, None]
        radial = self.radial.values(lengths)
        return steerable_conv(features, ended, radial, graph, self.coupling, self.tensor(), list(self.weights))

    def extra_repr(self) -> str:
        """The two representations and the degree."""
        return f"{self.rep_in} -> {self.rep_out}, lmax={self.lmax}"
