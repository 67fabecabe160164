"""Interaction of a many-body potential: messages, products of their sums, and a self-connection of each element."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn import Blocks, DepthwiseConv, Geometry, Linear, SymmetricContraction
from intertwine.reps import Rep


class ElementScale(nn.Module):
    """A factor for each channel of a feature and each element: ``y_i,u = s_z(i),u x_i,u``.

    Args:
        rep: Representation of the feature, a sum of irreps.
        elements: Number of elements.

    Law: ``f(rho(g) x, z) = rho(g) f(x, z)``.
    """

    def __init__(self, rep: Rep, elements: int) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self._blocks = Blocks.of(rep)
        self.scale = nn.Parameter(torch.ones(elements, sum(self._blocks.copies), dtype=torch.float32))

    def forward(self, features: Tensor, elements: Tensor) -> Tensor:
        """Map ``(N, rep.dim)`` and the element of each atom ``(N,)`` to ``(N, rep.dim)``."""
        scales = self.scale.index_select(0, elements).split(list(self._blocks.copies), 1)
        parts = [part * scale[:, None, :] for part, scale in zip(self._blocks.split(features), scales, strict=True)]
        return Blocks.join(parts, features)


class ManyBodyInteraction(nn.Module):
    """A layer of a MACE-like network.

        A_i = linear(conv(linear(h), Y, R)_i),    h'_i = linear(contraction(A_i, z_i)) + linear(s_z(i) h_i)

    with the depthwise steerable convolution over the neighbors, and equivariant polynomials of the sums A as the
    contraction: features of body order ``order + 1``.

    Args:
        rep_in: Features of an atom that come in.
        rep_out: Features that go out, equally many copies of each irrep.
        lmax: Highest degree of the spherical harmonics and of A.
        order: Highest power of A.
        elements: Number of elements.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them.
        cutoff: Distance from which an edge has no weight.
        average_neighbors: What sums over the neighbors are divided by.

    Law: for g in O(3), ``f(rho(g) h, g r) = rho(g) f(h, r)``, and for renumbered atoms.

    Reference: Batatia et al., MACE, NeurIPS 2022, equations 8 to 11.
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep,
        *,
        lmax: int,
        order: int,
        elements: int,
        radial_basis: int,
        radial_hidden: Sequence[int],
        cutoff: float,
        average_neighbors: float,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        channels = Blocks.of(rep_out).copies[0]
        harmonics = [f"{degree}{'eo'[degree % 2]}" for degree in range(lmax + 1)]
        sums = O3().rep(" + ".join(f"{channels}x{irrep}" for irrep in harmonics))
        self.before = Linear(rep_in, rep_in, bias=False)
        self.conv = DepthwiseConv(
            rep_in,
            sums,
            lmax=lmax,
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            cutoff=cutoff,
            avg_num_neighbors=average_neighbors,
        )
        self.after = Linear(self.conv.rep_out, sums, bias=False)
        self.contraction = SymmetricContraction(sums, rep_out, order=order, elements=elements)
        self.mix = Linear(rep_out, rep_out, bias=False)
        self.scale = ElementScale(rep_in, elements)
        self.skip = Linear(rep_in, rep_out, bias=False)

    def forward(self, features: Tensor, geometry: Geometry, elements: Tensor) -> Tensor:
        """Features ``(N, rep_in.dim)`` of the atoms and their elements ``(N,)`` to ``(N, rep_out.dim)``."""
        sums = self.after(self.conv(self.before(features), geometry))
        products = self.mix(self.contraction(sums, elements))
        updated: Tensor = products + self.skip(self.scale(features, elements))
        return updated
