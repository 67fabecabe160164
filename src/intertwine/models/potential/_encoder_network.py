"""Network of a potential by the layers of a point encoder: attention, NequIP and others."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.models._point_encoder import PointEncoder
from intertwine.nn import Geometry
from intertwine.ops import Graph, safe_norm
from intertwine.reps import Rep

FAMILIES = ("attention", "depthwise", "egnn", "steerable")
"""The layers of encoders that are equivariant under O(3) and smooth at the cutoff."""


class EncoderNetwork(nn.Module):
    """Invariants of each atom by a :class:`~intertwine.models.PointEncoder` on embedded elements.

    Args:
        elements: Number of elements.
        rep: Representation of the features between layers.
        family: ``layer`` of the encoder.
        lmax: As for the encoder.
        layers: Likewise.
        cutoff: Likewise.
        radial_basis: Likewise.
        radial_hidden: Likewise.
        readout_hidden: Number of invariants of an atom that the encoder gives.
        average_neighbors: ``avg_num_neighbors`` of the encoder.

    Raises:
        UsageError: There are no invariants among the features, or there is no such family.
    """

    def __init__(
        self,
        elements: int,
        rep: Rep,
        *,
        family: str,
        lmax: int,
        layers: int,
        cutoff: float,
        radial_basis: int,
        radial_hidden: Sequence[int],
        readout_hidden: int,
        average_neighbors: float,
    ) -> None:
        super().__init__()
        if family not in FAMILIES:
            raise UsageError(f'no family "{family}" of potentials; known: products, {", ".join(FAMILIES)}')
        channels = sum(copies for copies, term in rep.terms if term == rep.group.trivial)
        if not channels:
            raise UsageError(f"a potential needs invariants among its features, got {rep}")
        self.width, self.lmax = readout_hidden, lmax
        self.encoder = PointEncoder(
            f"{channels}x0e",
            f"{readout_hidden}x0e",
            layer=family,
            hidden=rep,
            layers=layers,
            lmax=lmax,
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            cutoff=cutoff,
            avg_num_neighbors=average_neighbors,
            pool=None,
            output_scale=1.0,
        )
        self.embedding = nn.Parameter(torch.randn(elements, channels, dtype=torch.float32) / sqrt(channels))

    def forward(
        self, elements: Tensor, vectors: Tensor, edges: Tensor, *, frozen: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Invariants ``(N, width)`` of atoms, and the lengths ``(E,)`` of the edges, as `ProductNetwork` has them."""
        graph, place = Graph.sort_edges(edges, elements.shape[0])
        geometry = Geometry.from_vectors(graph, vectors.index_select(0, place), self.lmax)
        features = self.encoder.embed(self.embedding.index_select(0, elements), geometry)
        for interaction in self.encoder.interactions:
            features = interaction(features, geometry)
        return self.encoder.readout(features), safe_norm(vectors)
