"""Edge network: invariants of an edge from its length and from the invariants of the points at its ends."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.nn import Geometry, Linear
from intertwine.ops import bessel_basis, silu
from intertwine.reps import Rep

_SILU_GAIN = 1.6768  # gives silu of a standard normal variable the mean square one


class EdgeNetwork(nn.Module):
    """Multilayer perceptron on the length of an edge and the features at its ends, in place of radial functions.

        h_ij = silu(V silu(B b(|r_ij|) + S x_j + T x_i + c) + d)

    with the Bessel basis b and equivariant linear maps S and T to invariants. A kernel whose radial weights are read
    from h_ij depends on what the points are, and not only on their distance.

    Args:
        rep_in: Representation of the features of sources and targets.
        width: Hidden width.
        width_out: Length of h.
        radial_basis: Number of functions in the basis.
        cutoff: Distance at which the basis functions vanish.

    Law: invariant under the group of ``rep_in``, which moves features and edges together, and under translations.

    Reference: Gilmer et al., Neural message passing, ICML 2017, eq. 7; Batzner et al., Nature Communications 2022, for
    the radial network; Passaro and Zitnick, ICML 2023, for elements of both ends as its input.
    """

    def __init__(self, rep_in: Rep, width: int, width_out: int, radial_basis: int, cutoff: float) -> None:
        super().__init__()
        self.radial_basis, self.cutoff = radial_basis, cutoff
        invariants = width * rep_in.group.trivial
        self.source = Linear(rep_in, invariants, bias=False)
        self.target = Linear(rep_in, invariants, bias=False)
        self.length = nn.Linear(radial_basis, width, dtype=torch.float32)
        self.hidden = nn.Linear(width, width_out, dtype=torch.float32)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance, zero biases."""
        for layer in (self.length, self.hidden):
            nn.init.normal_(layer.weight, std=1 / sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, targets: Tensor, geometry: Geometry) -> Tensor:
        """Invariants of each edge.

        Args:
            features: ``(N, rep_in.dim)`` of the sources.
            targets: ``(M, rep_in.dim)`` of the targets.
            geometry: Edges from the N sources to the M targets.

        Returns:
            ``(E, width_out)``, in the order of the geometry's edges.
        """
        graph = geometry.graph
        lengths = self.length(bessel_basis(geometry.lengths, self.cutoff, self.radial_basis))
        sources = self.source(features).index_select(0, graph.source)
        hidden = lengths + sources + self.target(targets).index_select(0, graph.target)
        output: Tensor = _SILU_GAIN * silu(self.hidden(_SILU_GAIN * silu(hidden)))
        return output
