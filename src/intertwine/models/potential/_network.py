"""Network of a many-body potential: invariants of the surroundings of each atom."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.models.potential._interaction import (
    ElementSums,
    FeatureSums,
    Neighborhoods,
    ProductInteraction,
    even_first,
)
from intertwine.models.potential._radial import RadialNetwork
from intertwine.ops import EdgeBasis, Graph, IrrepLabel, edge_basis, silu
from intertwine.reps import Rep, SphericalIrrep

SCALAR: IrrepLabel = (0, 1)


class ProductNetwork(nn.Module):
    """Invariants of each atom by layers of symmetric products, as MACE has them; zero for an atom without neighbors.

    Args:
        elements: Number of elements.
        rep: Features between layers: equally many copies of irreps of O(3).
        body_order: Highest power of the sums over neighbors in a layer, plus one.
        lmax: Highest degree of the spherical harmonics and of the sums.
        layers: Number of layers.
        cutoff: Distance from which an edge has no weight.
        radial_basis: Number of Bessel functions.
        radial_hidden: Widths of the network on them.
        radial_functions: Number of radial functions of a layer.
        radial_smoothness: Power of the number of a Bessel function by which it is divided.
        readout_hidden: Width of the perceptron on the invariants of the last layer.
        average_neighbors: What sums over neighbors are divided by.

    Raises:
        UsageError: The features are not as above, without invariants, or the body order is not 2, 3 or 4.
    """

    def __init__(
        self,
        elements: int,
        rep: Rep,
        *,
        body_order: int,
        lmax: int,
        layers: int,
        cutoff: float,
        radial_basis: int,
        radial_hidden: Sequence[int],
        radial_functions: int,
        radial_smoothness: float,
        readout_hidden: int,
        average_neighbors: float,
    ) -> None:
        super().__init__()
        hidden, channels = _irreps(rep)
        if not 2 <= body_order <= 4:
            raise UsageError(f"body_order is 2, 3 or 4, got {body_order}")
        self.elements, self.radial_functions = elements, radial_functions
        self.basis = lmax, cutoff, radial_basis
        self.radial = RadialNetwork(radial_basis, radial_hidden, layers * radial_functions, radial_smoothness)
        self.interactions = nn.ModuleList()
        before: list[IrrepLabel] = []
        for number in range(layers):
            after = [SCALAR] if number == layers - 1 else hidden
            sums: ElementSums | FeatureSums = (
                FeatureSums(before, channels, radial_functions, lmax, average_neighbors)
                if number
                else ElementSums(elements, channels, radial_functions, lmax, average_neighbors)
            )
            self.interactions.append(ProductInteraction(sums, before, after, channels, body_order - 1, elements))
            before = after
        self.hidden = nn.Linear(channels, readout_hidden, dtype=torch.float32)
        nn.init.normal_(self.hidden.weight, std=1 / sqrt(channels))
        nn.init.zeros_(self.hidden.bias)
        self.width = layers * channels + readout_hidden

    def forward(
        self, elements: Tensor, vectors: Tensor, edges: Tensor, *, frozen: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Invariants ``(N, width)`` of the atoms, and the lengths ``(E,)`` of the edges.

        Args:
            elements: ``(N,)``.
            vectors: ``(E, 3)``.
            edges: ``(2, E)``.
            frozen: Whether no gradient in the weights is asked for.
        """
        basis = edge_basis(vectors, *self.basis)
        if torch.compiler.is_compiling():
            return self._invariants(elements, None, basis, edges, frozen), basis.distances
        counts = torch.bincount(elements, minlength=self.elements).tolist()
        order = torch.argsort(elements, stable=True)
        place = torch.argsort(order)
        ordered = elements.index_select(0, order)
        invariants = self._invariants(ordered, counts, basis, place[edges], frozen).index_select(0, place)
        return invariants, basis.distances

    def _invariants(
        self, elements: Tensor, counts: list[int] | None, basis: EdgeBasis, edges: Tensor, frozen: bool
    ) -> Tensor:
        """The same for atoms in the order of their elements, of each as many as counted."""
        graph, place = Graph.sort_edges(edges, elements.shape[0])
        basis = basis.index_select(place)
        harmonics = basis.harmonics
        radial = self.radial(basis.bessel, basis.envelope).split(self.radial_functions, 1)
        features, scalars = None, []
        for interaction, functions in zip(self.interactions, radial, strict=True):
            with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
                coefficients = cast("ProductInteraction", interaction).contraction.coefficients()
            neighbors = Neighborhoods(elements, counts, graph, harmonics, functions)
            features = interaction(features, neighbors, coefficients)
            scalars.append(features[0].T)
        return torch.cat([*scalars, silu(self.hidden(scalars[-1])) - silu(self.hidden.bias)], 1)


def _irreps(rep: Rep) -> tuple[list[IrrepLabel], int]:
    """The irreps, even ones first and the invariants before all, and how many copies there are of each.

    Raises:
        UsageError: There are not equally many, or no invariants.
    """
    labels = [(term.degree, term.parity) for _, term in rep.terms if isinstance(term, SphericalIrrep)]
    copies = {count for count, _ in rep.terms}
    if len(copies) != 1 or len(set(labels)) != len(rep.terms) or SCALAR not in labels:
        raise UsageError(f"a potential needs equally many copies of irreps of O(3) with 0e among them, got {rep}")
    return even_first(labels), copies.pop()
