"""Layers of a many-body potential: sums over neighbors, symmetric products of them, and a self-connection.

Inside of the network features are ``(components, channels, N)``: the irreps of even parity first, atoms innermost and
in the order of their elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn import Constant, SymmetricContraction
from intertwine.ops import Coupling, Graph, IrrepLabel, depthwise_conv, segment_outer
from intertwine.reps import Rep


class Neighborhoods(NamedTuple):
    """Atoms and their edges, as every layer sees them.

    Attributes:
        elements: ``(N,)`` the element of each atom.
        counts: The number of atoms of each element, ascending; ``None`` where shapes may not depend on it.
        graph: The edges.
        harmonics: ``(E, (lmax + 1)^2)``.
        radial: ``(E, functions)`` the radial functions of this layer.
    """

    elements: Tensor
    counts: list[int] | None
    graph: Graph
    harmonics: Tensor
    radial: Tensor


def even_first(labels: Sequence[IrrepLabel]) -> list[IrrepLabel]:
    """Irreps with those of even parity first, each by degree."""
    return sorted(labels, key=lambda label: (-label[1], label[0]))


def irreps_rep(labels: Sequence[IrrepLabel], channels: int) -> Rep:
    """The representation of this many copies of each irrep."""
    return O3().rep(" + ".join(f"{channels}x{degree}{'e' if parity == 1 else 'o'}" for degree, parity in labels))


def degree_of_component(labels: Sequence[IrrepLabel]) -> Tensor:
    """For each component the number of its irrep."""
    return torch.cat([torch.full((2 * degree + 1,), number) for number, (degree, _) in enumerate(labels)])


class ElementSums(nn.Module):
    """Sums over neighbors of which only the elements are known: the first layer.

        A_i,lm,u = 1/n sum over j of sum over k, r of W_l,u,kr omega_k(z_j) f_r(|r_ij|) Y_lm(r_ij)

    The neighbors are summed before channels are made, which costs much less than a message for each channel.

    Args:
        elements: Number of elements.
        channels: Number of channels u.
        functions: Number of radial functions r.
        lmax: Highest degree.
        average_neighbors: n.
        embedding: Number of channels k that elements are embedded in, where there are more elements than that.

    Reference: Batatia et al., MACE, NeurIPS 2022, equation 8 of the first layer; Willatt, Musil, Ceriotti, Physical
    Chemistry Chemical Physics 2018, for the embedding.
    """

    embedding: Tensor
    order: Tensor
    degree: Tensor

    def __init__(
        self,
        elements: int,
        channels: int,
        functions: int,
        lmax: int,
        average_neighbors: float,
        embedding: int = 8,
    ) -> None:
        super().__init__()
        self.average_neighbors = average_neighbors
        self.labels = even_first([(degree, (-1) ** degree) for degree in range(lmax + 1)])
        width = min(elements, embedding)
        start = torch.eye(elements) if elements <= embedding else torch.randn(elements, width) / sqrt(width)
        if elements > embedding:
            self.embedding = nn.Parameter(start.float())
        else:  # the weights of each element are its own
            self.register_buffer("embedding", start.float(), persistent=False)
        self.weights = nn.Parameter(torch.empty(len(self.labels), channels, width * functions, dtype=torch.float32))
        nn.init.normal_(self.weights, std=sqrt(average_neighbors / functions))
        self.register_buffer("order", harmonic_order(self.labels), persistent=False)
        self.register_buffer("degree", degree_of_component(self.labels), persistent=False)

    def forward(self, neighbors: Neighborhoods) -> Tensor:
        """The sums ``(components, channels, N)``."""
        graph, radial = neighbors.graph, neighbors.radial / self.average_neighbors
        embedded = self.embedding.index_select(0, neighbors.elements.index_select(0, graph.source))
        density = (embedded[:, :, None] * radial[:, None, :]).flatten(1)
        sums = segment_outer(neighbors.harmonics[:, self.order], density, graph.rank, graph.num_nodes)
        sums = sums.index_select(0, graph.rank_of_node)
        return torch.bmm(self.weights[self.degree], sums.permute(1, 2, 0))


class FeatureSums(nn.Module):
    """Sums over neighbors of the products of their features and the spherical harmonics, mixed by channel.

        A_i = W (1/n sum over j of sum over r of w_r f_r(|r_ij|) CG (h_j (x) Y(r_ij)))

    Args:
        labels_in: Irreps of the features, even ones first.
        channels: Copies of each.
        functions: Number of radial functions r.
        lmax: Highest degree of the harmonics and of the sums.
        average_neighbors: n.

    Reference: Batatia et al., MACE, NeurIPS 2022, equation 8.
    """

    def __init__(
        self, labels_in: Sequence[IrrepLabel], channels: int, functions: int, lmax: int, average_neighbors: float
    ) -> None:
        super().__init__()
        self.average_neighbors, self.channels = average_neighbors, channels
        self.labels_in = list(labels_in)
        self.labels = even_first([(degree, (-1) ** degree) for degree in range(lmax + 1)])
        self.coupling = Coupling.depthwise([(label, channels) for label in labels_in], self.labels, lmax)
        self.tensor = Constant(self.coupling.clebsch_gordan())
        widths = [width for _, width in self.coupling.outputs]
        self.weights = nn.Parameter(torch.empty(functions, sum(widths), dtype=torch.float32))
        nn.init.normal_(self.weights, std=sqrt(average_neighbors / functions))
        self.mixing = nn.ParameterList(
            nn.Parameter(torch.empty(width, channels, dtype=torch.float32)) for width in widths
        )
        for weights in self.mixing:
            nn.init.normal_(weights, std=1 / sqrt(len(weights)))

    def forward(self, features: Tensor, neighbors: Neighborhoods) -> Tensor:
        """Map ``(components, channels, N)`` to the sums ``(components, channels, N)``."""
        widths = [2 * degree + 1 for degree, _ in self.labels_in]
        flat = torch.cat([block.permute(2, 1, 0).flatten(1) for block in features.split(widths)], 1)
        graph, harmonics = neighbors.graph, neighbors.harmonics / self.average_neighbors
        sums = depthwise_conv(flat, harmonics, neighbors.radial, graph, self.coupling, self.tensor(), self.weights)
        sizes = [(2 * degree + 1) * width for (degree, _), width in self.coupling.outputs]
        parts = zip(self.coupling.outputs, sums.split(sizes, 1), self.mixing, strict=True)
        mixed = [
            torch.matmul(part.unflatten(1, (width, 2 * degree + 1)).permute(2, 0, 1), weights).mT
            for ((degree, _), width), part, weights in parts
        ]
        return torch.cat(mixed)


class ElementLinear(nn.Module):
    """A linear map of the channels of each irrep for each element: ``y_i = W_z(i) x_i``.

    Args:
        elements: Number of elements.
        labels: The irreps.
        channels: Number of channels in and out.
    """

    degree: Tensor

    def __init__(self, elements: int, labels: Sequence[IrrepLabel], channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(elements, len(labels), channels, channels, dtype=torch.float32))
        nn.init.normal_(self.weights, std=1 / sqrt(channels))
        self.register_buffer("degree", degree_of_component(labels), persistent=False)

    def forward(self, features: Tensor, elements: Tensor, counts: list[int] | None) -> Tensor:
        """Map ``(components, channels, N)`` to the same shape."""
        weights = self.weights[:, self.degree]
        if counts is None:
            masks = [(elements == element).to(features.dtype) for element in range(len(weights))]
            return sum(
                (torch.matmul(weight, features) * mask for weight, mask in zip(weights, masks, strict=True)),
                torch.zeros_like(features),
            )
        parts = zip(weights, features.split(counts, 2), strict=True)
        return torch.cat([torch.matmul(weight, part) for weight, part in parts], 2)


class ProductInteraction(nn.Module):
    """A layer of MACE: sums over neighbors, their symmetric contraction, and a self-connection.

        h'_i = W contraction(A_i, z_i) + S_z(i) h_i

    Args:
        sums: Makes A from the features and the neighborhoods.
        labels_in: Irreps of the features that come in; empty where there are none but the elements.
        labels_out: Irreps of the features that go out.
        channels: Copies of each.
        order: Highest power of A.
        elements: Number of elements.

    Law: for g in O(3), ``f(rho(g) h, g r) = rho(g) f(h, r)``, and for renumbered atoms.

    Reference: Batatia et al., MACE, NeurIPS 2022, equations 8 to 11.
    """

    degree: Tensor

    def __init__(
        self,
        sums: ElementSums | FeatureSums,
        labels_in: Sequence[IrrepLabel],
        labels_out: Sequence[IrrepLabel],
        channels: int,
        order: int,
        elements: int,
    ) -> None:
        super().__init__()
        self.sums, self.labels_in, self.labels_out = sums, list(labels_in), list(labels_out)
        self.contraction = SymmetricContraction(
            irreps_rep(sums.labels, channels), irreps_rep(labels_out, channels), order=order, elements=elements
        )
        self.mixing = nn.Parameter(torch.empty(len(labels_out), channels, channels, dtype=torch.float32))
        nn.init.normal_(self.mixing, std=1 / sqrt(channels))
        self.register_buffer("degree", degree_of_component(labels_out), persistent=False)
        kept = [label for label in labels_out if label in labels_in]
        self.skip = ElementLinear(elements, kept, channels) if kept else None
        sizes_in = [2 * degree + 1 for degree, _ in labels_in]
        starts = [sum(sizes_in[:number]) for number in range(len(sizes_in))]
        self._kept_in = [(starts[self.labels_in.index(label)], 2 * label[0] + 1) for label in kept]
        self._kept = [label in kept for label in labels_out]

    def forward(
        self, features: Tensor | None, neighbors: Neighborhoods, coefficients: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Map ``(components, channels, N)`` to the same with the irreps that go out."""
        sums = self.sums(neighbors) if features is None else self.sums(features, neighbors)
        products = self.contraction.contract(sums, neighbors.elements, neighbors.counts, coefficients)
        updated: Tensor = torch.matmul(self.mixing[self.degree], products.transpose(0, 1))
        if features is None or self.skip is None:
            return updated
        kept = torch.cat([features.narrow(0, *place) for place in self._kept_in])
        old = self.skip(kept, neighbors.elements, neighbors.counts)
        if all(self._kept):
            return torch.add(updated, old)
        sizes = [2 * degree + 1 for degree, _ in self.labels_out]
        olds = iter(old.split([size for size, keep in zip(sizes, self._kept, strict=True) if keep]))
        parts = zip(updated.split(sizes), self._kept, strict=True)
        return torch.cat([part + next(olds) if keep else part for part, keep in parts])


def harmonic_order(labels: Sequence[IrrepLabel]) -> Tensor:
    """Where the components of these irreps stand among the spherical harmonics."""
    return torch.cat([torch.arange(degree**2, (degree + 1) ** 2) for degree, _ in labels])
