"""The E(n)-equivariant graph network: scalars, and positions that move."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from intertwine.models._family import Family, InteractionConfig
from intertwine.nn import Blocks, EGNNConv, Geometry, Linear, NormInvariants
from intertwine.ops import bessel_basis, smooth_cutoff
from intertwine.reps import Rep


@dataclass(frozen=True)
class Egnn(Family):
    """E(n)-equivariant graph network: scalars and vectors, equivariant under O(3).

    The hidden "Cx0e + Vx1o" are C scalars, and V vectors that are the way from each point to V positions of its own, in
    units of the cutoff. The Bessel functions of the distance between the points themselves are the edges' attributes.
    """

    name = "egnn"
    usual = "64x0e + 16x1o"

    def embedding(self, rep_in: Rep, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Invariants to scalars, vectors to vectors."""
        return EgnnEmbedding(rep_in, hidden)

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Send, move, update."""
        return EgnnInteraction(hidden, space)

    def readout(self, hidden: Rep, rep_out: Rep) -> nn.Module:
        """Gate and mix."""
        known = {irrep for _, irrep in Blocks.of(hidden.group.trivial + hidden.group.vector).terms}
        if not {irrep for _, irrep in Blocks.of(rep_out).terms} <= known:
            raise ValueError(f'layer "egnn" gives scalars and vectors only, not rep_out = {rep_out}')
        return super().readout(hidden, rep_out)


def _parts(hidden: Rep) -> tuple[Rep, Rep]:
    """The scalars and the vectors of a hidden representation.

    Raises:
        ValueError: If there is anything else in it, or no scalars.
    """
    group, blocks = hidden.group, Blocks.of(hidden)
    scalars = blocks.copies[0] * group.trivial if blocks.copies else hidden
    vectors = sum(blocks.copies[1:]) * group.vector
    if not scalars.dim or hidden != scalars + vectors:
        raise ValueError(f'the hidden of layer "egnn" is "Cx0e + Vx1o", C scalars and V vectors, got {hidden}')
    return scalars, vectors


class EgnnEmbedding(nn.Module):
    """Scalars from what is invariant in the input, lengths included; vectors from its vectors."""

    def __init__(self, rep_in: Rep, hidden: Rep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, hidden
        scalars, vectors = _parts(hidden)
        self.invariants = NormInvariants(rep_in)
        self.scalars = Linear(self.invariants.rep_out, scalars)
        self.vectors = Linear(rep_in, vectors) if vectors.dim else None

    def forward(self, features: Tensor, where: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars: Tensor = self.scalars(self.invariants(features))
        return scalars if self.vectors is None else torch.cat([scalars, self.vectors(features)], -1)


class EgnnInteraction(nn.Module):
    """h <- h + h', v <- v + moves: the points of an EGNN layer are ``position / cutoff + v``."""

    def __init__(self, rep: Rep, space: InteractionConfig) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        scalars, vectors = _parts(rep)
        self.sizes, self.cutoff, self.basis = [scalars.dim, vectors.dim], space.cutoff, space.radial[0]
        self.conv = EGNNConv(
            scalars,
            channels=vectors.dim // 3,
            attributes=self.basis,
            hidden=space.width,
            avg_num_neighbors=space.neighbors,
        )

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        (source, target, _, _), vectors, lengths, _ = where
        scalars, ways = features.split(self.sizes, -1)
        differences = ways.index_select(0, target) - ways.index_select(0, source)
        differences = differences.unflatten(1, (-1, 3)) - vectors[:, None] / self.cutoff
        updated, moves = self.conv.step(
            scalars,
            differences,
            torch.stack([source, target]),
            bessel_basis(lengths, self.cutoff, self.basis),
            smooth_cutoff(lengths, self.cutoff),
        )
        return features + torch.cat([updated, moves.flatten(1)], -1)
