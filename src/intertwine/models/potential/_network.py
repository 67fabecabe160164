"""Network of a many-body potential: invariants of the surroundings of each atom."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.models.potential._interaction import (
    ElementSums,
    FeatureSums,
    Neighborhoods,
    ProductInteraction,
    even_first,
)
from intertwine.models.potential._radial import RadialNetwork
from intertwine.ops import Graph, IrrepLabel, safe_norm, silu, spherical_harmonics

SCALAR: IrrepLabel = (0, 1)


class ProductNetwork(nn.Module):
    """Invariants of each atom by layers of symmetric products, as MACE has them.

    Args:
        elements: Number of elements.
        labels: Irreps of the features between layers.
        channels: Copies of each.
        order: Highest power of the sums over neighbors in a layer.
        lmax: Highest degree of the spherical harmonics and of the sums.
        layers: Number of layers.
        cutoff: Distance from which an edge has no weight.
        radial_basis: Number of Bessel functions.
        radial_hidden: Widths of the network on them.
        radial_functions: Number of radial functions of a layer.
        readout_hidden: Width of the perceptron on the invariants of the last layer.
        average_neighbors: What sums over neighbors are divided by.
    """

    def __init__(
        self,
        elements: int,
        labels: Sequence[IrrepLabel],
        channels: int,
        *,
        order: int,
        lmax: int,
        layers: int,
        cutoff: float,
        radial_basis: int,
        radial_hidden: Sequence[int],
        radial_functions: int,
        readout_hidden: int,
        average_neighbors: float,
    ) -> None:
        super().__init__()
        self.elements, self.lmax, self.channels = elements, lmax, channels
        self.radial_functions = radial_functions
        self.radial = RadialNetwork(radial_basis, radial_hidden, layers * radial_functions, cutoff)
        hidden = even_first(labels)
        self.interactions = nn.ModuleList()
        before: list[IrrepLabel] = []
        for number in range(layers):
            after = [SCALAR] if number == layers - 1 else hidden
            sums: ElementSums | FeatureSums = (
                FeatureSums(before, channels, radial_functions, lmax, average_neighbors)
                if number
                else ElementSums(elements, channels, radial_functions, lmax, average_neighbors)
            )
            self.interactions.append(ProductInteraction(sums, before, after, channels, order, elements))
            before = after
        self.hidden = nn.Linear(channels, readout_hidden, dtype=torch.float32)
        nn.init.normal_(self.hidden.weight, std=1 / sqrt(channels))
        nn.init.zeros_(self.hidden.bias)
        self.width = layers * channels + readout_hidden

    def forward(self, elements: Tensor, vectors: Tensor, edges: Tensor) -> Tensor:
        """Invariants ``(N, width)`` of atoms with elements ``(N,)`` and edges ``(2, E)`` of vectors ``(E, 3)``."""
        counts = order = None
        if not torch.compiler.is_compiling():
            counts = torch.bincount(elements, minlength=self.elements).tolist()
            order = torch.argsort(elements, stable=True)
            place = torch.argsort(order)
            elements, edges = elements.index_select(0, order), place[edges]
        found = self._invariants(elements, counts, vectors, edges)
        return found if order is None else found.index_select(0, place)

    def _invariants(self, elements: Tensor, counts: list[int] | None, vectors: Tensor, edges: Tensor) -> Tensor:
        graph, place = Graph.sort_edges(edges, elements.shape[0])
        vectors = vectors.index_select(0, place)
        harmonics = spherical_harmonics(self.lmax, vectors)
        radial = self.radial(safe_norm(vectors)).split(self.radial_functions, 1)
        features, scalars = None, []
        for interaction, functions in zip(self.interactions, radial, strict=True):
            features = interaction(features, Neighborhoods(elements, counts, graph, harmonics, functions))
            scalars.append(features[0].T)
        return torch.cat([*scalars, silu(self.hidden(scalars[-1]))], 1)
