"""E(n)-equivariant graph network family: scalars, and vectors that are updated like positions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from intertwine.models.families._family import OUTPUT_SCALE, Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import EGNNConv, Geometry, Linear, NormInvariants
from intertwine.ops import bessel_basis, smooth_cutoff
from intertwine.reps import Rep


@dataclass(frozen=True)
class EGNNFamily(Family):
    """E(n)-equivariant graph network on scalars and vectors, equivariant under O(3).

    The hidden "Cx0e + Vx1o" are C scalars and V vectors. A vector is the displacement from its point to a further
    position that the layers move, in units of the cutoff. The edge attributes are Bessel functions of the distance.

    Attributes:
        norm: Normalization of what is added to the scalars, ``"layer"``, ``"batch"`` or ``"none"``.
            Vectors are displacements, which keep their lengths.

    Reference: Satorras et al., E(n) equivariant graph neural networks, ICML 2021, eqs. 3-6.
    """

    norm: Norm = "none"

    name = "egnn"
    default_hidden = "64x0e + 16x1o"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def embedding(self, rep_in: Rep, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Scalars from invariants, vectors from vectors."""
        return EGNNEmbedding(rep_in, hidden)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual EGNN layer."""
        return EGNNInteraction(hidden, config, self.norm)

    def readout(self, hidden: Rep, rep_out: Rep, output_scale: float = OUTPUT_SCALE) -> nn.Module:
        """Gate and linear map.

        Raises:
            ValueError: If the output is not made of scalars and vectors.
        """
        supported = {hidden.group.trivial, hidden.group.vector}
        if rep_out.irreps is None or not {irrep for _, irrep in rep_out.irreps} <= supported:
            raise ValueError(f'layer "egnn" gives scalars and vectors only, not rep_out = {rep_out}')
        return super().readout(hidden, rep_out, output_scale)


def _scalars_and_vectors(hidden: Rep) -> tuple[Rep, Rep]:
    """The scalars and the vectors of a hidden representation.

    Raises:
        ValueError: If it is not ``"Cx0e + Vx1o"`` with C > 0.
    """
    group, terms = hidden.group, hidden.irreps or ()
    scalars = sum(copies for copies, irrep in terms if irrep == group.trivial) * group.trivial
    vectors = sum(copies for copies, irrep in terms if irrep == group.vector) * group.vector
    if not scalars.dim or hidden != scalars + vectors:
        raise ValueError(f'the hidden of layer "egnn" is "Cx0e + Vx1o", C scalars and V vectors, got {hidden}')
    return scalars, vectors


class EGNNEmbedding(nn.Module):
    """Embedding of the invariants of the input, norms included, as scalars and of its vectors as vectors."""

    def __init__(self, rep_in: Rep, hidden: Rep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, hidden
        scalars, vectors = _scalars_and_vectors(hidden)
        self.invariants = NormInvariants(rep_in)
        self.scalars = Linear(self.invariants.rep_out, scalars)
        self.vectors = Linear(rep_in, vectors) if vectors.dim else None

    def forward(self, features: Tensor, geometry: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars: Tensor = self.scalars(self.invariants(features))
        return scalars if self.vectors is None else torch.cat([scalars, self.vectors(features)], -1)


class EGNNInteraction(nn.Module):
    """Residual EGNN layer whose positions are ``position / cutoff + v`` for each hidden vector v."""

    def __init__(self, rep: Rep, config: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        scalars, vectors = _scalars_and_vectors(rep)
        self.sizes, self.cutoff, self.radial_basis = [scalars.dim, vectors.dim], config.cutoff, config.radial_basis
        self.conv = EGNNConv(
            scalars,
            channels=vectors.dim // 3,
            attributes=self.radial_basis,
            hidden=config.width,
            avg_num_neighbors=config.avg_num_neighbors,
        )
        self.norm = make_norm(norm, scalars)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        source, target = geometry.graph.source, geometry.graph.target
        scalars, displacements = features.split(self.sizes, -1)
        differences = displacements.index_select(0, target) - displacements.index_select(0, source)
        differences = differences.unflatten(1, (-1, 3)) - geometry.vectors[:, None] / self.cutoff
        updated, moves = self.conv.step(
            scalars,
            differences,
            torch.stack([source, target]),
            bessel_basis(geometry.lengths, self.cutoff, self.radial_basis),
            smooth_cutoff(geometry.lengths, self.cutoff),
        )
        return features + torch.cat([self.norm(updated), moves.flatten(1)], -1)
