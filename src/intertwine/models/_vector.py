"""Vector neurons as a family of point encoders, and the parts that it shares with their own networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from intertwine.models._family import FIRST_OUTPUT, Family, InteractionConfig, Norm, check_norm
from intertwine.nn import Blocks, Geometry, Linear, VectorBatchNorm, VectorEdgeConv, VectorInvariant, VectorPositionConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class Vector(Family):
    """Vector neurons: every hidden feature is a list of vectors, equivariant under O(3), or SO(3).

    Attributes:
        norm: What normalizes the lengths of vectors before each nonlinearity, ``"batch"`` or ``"none"``.
    """

    name = "vector"
    usual = "42x1o"
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def embedding(self, rep_in: Rep, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Lift the positions, scale by the scalars."""
        return VectorEmbedding(rep_in, hidden, norm=self._norm)

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Edge convolution."""
        return VectorInteraction(hidden, self._norm)

    def readout(self, hidden: Rep, rep_out: Rep) -> nn.Module:
        """Scalars from invariants, vectors by a linear map."""
        return VectorReadout(hidden, rep_out, self._norm)

    @property
    def _norm(self) -> MakeNorm | None:
        return VectorBatchNorm if self.norm == "batch" else None


MakeNorm = Callable[[Rep], VectorBatchNorm]


class ScalarsAndVectors:
    """Where the scalars and the vectors of a representation are.

    Args:
        rep: A sum of trivial irreps and of the group's vector.
        layer: Who asks, for the message.

    Raises:
        ValueError: If there is anything else in it.
    """

    def __init__(self, rep: Rep, layer: str) -> None:
        vector, trivial = rep.group.vector, rep.group.trivial
        if rep.irreps is None or not {irrep for _, irrep in rep.irreps} <= {vector, trivial}:
            raise ValueError(f'{layer} knows scalars "{trivial}" and vectors "{vector}" only, got "{rep}"')
        self._blocks = Blocks.of(rep)
        counts = list(zip(self._blocks.copies, self._blocks.trivial, strict=True))
        self.scalars: Rep = sum(copies for copies, scalar in counts if scalar) * trivial
        self.vectors: Rep = sum(copies for copies, scalar in counts if not scalar) * vector
        self._layer = layer

    def split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, rep.dim)`` to ``(N, scalars.dim)`` and ``(N, vectors.dim)``."""
        self._blocks.check(features, self._layer)
        empty = features[..., :0]
        parts = list(zip(self._blocks.split(features), self._blocks.trivial, strict=True))
        scalars = [part[..., 0, :] for part, scalar in parts if scalar]
        vectors = [part.mT.flatten(-2) for part, scalar in parts if not scalar]
        return torch.cat([empty, *scalars], -1), torch.cat([empty, *vectors], -1)

    def join(self, scalars: Tensor, vectors: Tensor) -> Tensor:
        """The inverse."""
        sizes = [n * width for n, width in zip(self._blocks.copies, self._blocks.widths, strict=True)]
        kinds = list(zip(sizes, self._blocks.trivial, strict=True))
        left = iter(scalars.split([size for size, scalar in kinds if scalar], -1))
        right = iter(vectors.split([size for size, scalar in kinds if not scalar], -1))
        return torch.cat([next(left) if scalar else next(right) for _, scalar in kinds], -1)


class VectorEmbedding(nn.Module):
    """Lift positions and given vectors to vectors; given scalars scale them, channel by channel."""

    def __init__(self, rep_in: Rep, rep_out: Rep, *, slope: float = 0.2, norm: MakeNorm | None = None) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self._given = ScalarsAndVectors(rep_in, "vector neurons' input")
        self.lift = VectorPositionConv(
            self._given.vectors, rep_out, negative_slope=slope, norm=None if norm is None else norm(rep_out)
        )
        width = rep_out.group.vector.dim
        self.scale = Linear(self._given.scalars, (rep_out.dim // width) * rep_out.group.trivial)
        if self.scale.bias is not None:
            nn.init.ones_(self.scale.bias)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars, vectors = self._given.split(features)
        lifted: Tensor = self.lift(vectors, where)
        if not scalars.shape[1]:
            return lifted
        scales = self.scale(scalars)
        vectors = lifted.unflatten(-1, (scales.shape[1], -1))
        return torch.mul(vectors, scales[..., None]).flatten(-2)


class VectorInteraction(nn.Module):
    """x <- x + edge convolution of x."""

    def __init__(self, rep: Rep, norm: MakeNorm | None = None) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = VectorEdgeConv(rep, rep, norm=None if norm is None else norm(rep))

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.conv(features, where)
        return features + step


class VectorReadout(nn.Module):
    """Scalars by a small network on the invariants of each point's vectors, vectors by a linear map."""

    def __init__(self, rep_in: Rep, rep_out: Rep, norm: MakeNorm | None = None) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self._asked = ScalarsAndVectors(rep_out, "vector neurons' output")
        self.vectors: nn.Module | None = None
        self.scalars: nn.Module | None = None
        if self._asked.vectors.dim:
            self.vectors = Linear(rep_in, self._asked.vectors, gain=FIRST_OUTPUT)
        if self._asked.scalars.dim:
            invariants = VectorInvariant(rep_in, scope="point", norm=norm)
            wide = invariants.rep_out
            last = Linear(wide, self._asked.scalars, gain=FIRST_OUTPUT)
            self.scalars = nn.Sequential(invariants, Linear(wide, wide), nn.SiLU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars, vectors = (features[..., :0] if f is None else f(features) for f in (self.scalars, self.vectors))
        return self._asked.join(scalars, vectors)
