"""The steerable convolution on points: the tensor field network layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn._blocks import spherical_labels
from intertwine.nn._constant import Constant
from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.conv._point_conv import PointConv
from intertwine.nn.conv._radial import Radial
from intertwine.ops import Coupling, steerable_conv
from intertwine.reps import Rep


class SteerableConv(PointConv):
    """Convolution with the most general kernel that SO(3) or O(3) allows, summed over the neighbors of each point.

        y_i = 1/sqrt(n) sum_j sum_paths W_path(|r_ij|) CG (x_j (x) Y(r_ij)),   r_ij = position_j - position_i

    A path takes an irrep of the input and a degree of the spherical harmonics Y to an irrep of the output, by its
    Clebsch-Gordan tensor CG; W_path mixes channels, with a learned function of the length in each entry. In e3nn this
    is a ``FullyConnectedTensorProduct`` with weights from a network on the edge lengths.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3), or its text.
        rep_out: Representation of the features that go out, likewise.
        lmax: Highest degree of the spherical harmonics.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them; empty for none.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), or the groups differ; in ``forward`` if
            the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.

    Cost: see :func:`intertwine.ops.steerable_conv`.

    Memory: the operator takes that of its arguments and a few megabytes; of these the radial functions and harmonics of
    all edges grow with the number of neighbors, as do their gradients.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3; Weiler et al., 3D steerable CNNs, NeurIPS 2018, eq. 7.

    Example:
        >>> conv = SteerableConv("2x0e", "1x0e + 1x1o", lmax=1)
        >>> conv(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        lmax: int = 2,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        self.lmax = lmax
        irreps_in, irreps_out = spherical_labels(self.rep_in), spherical_labels(self.rep_out)
        self.coupling = Coupling(irreps_in, irreps_out, lmax, parity=self.rep_in.group == O3())
        self.tensor = Constant(self.coupling.clebsch_gordan())
        self.radial = Radial(radial_basis, radial_hidden, cutoff)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(rows * self.radial.width, columns, dtype=torch.float32))
            for rows, columns in self.coupling.weight_shapes()
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features and harmonics."""
        for (_, o), weight in zip(self.coupling.pairs(), self.weights, strict=True):
            nn.init.normal_(weight, std=1 / sqrt(self.coupling.fan_in(o) * self.radial.width))

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Couple features with the harmonics of the edges, weigh by the radial functions, sum over neighbors, mix."""
        envelope = self.radial.envelope(geometry.lengths) / sqrt(self.avg_num_neighbors)
        harmonics = geometry.harmonics * envelope[:, None]
        radial = self.radial.factors(geometry.lengths)
        weights = [radial.fold(weight) for weight in self.weights]
        tensor = self.tensor()
        return steerable_conv(features, harmonics, radial.functions, geometry.graph, self.coupling, tensor, weights)

    def extra_repr(self) -> str:
        """The two representations and the degree."""
        return f"{super().extra_repr()}, lmax={self.lmax}"
