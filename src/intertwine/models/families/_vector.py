"""Vector neuron family: every hidden feature is a list of vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from intertwine.models.families._family import OUTPUT_SCALE, Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm
from intertwine.models.families._scalars_and_vectors import ScalarsAndVectors
from intertwine.nn import Geometry, Linear, VectorBatchNorm, VectorEdgeConv, VectorInvariant, VectorPositionConv
from intertwine.reps import Rep

MakeNorm = Callable[[Rep], VectorBatchNorm]


@dataclass(frozen=True)
class VectorFamily(Family):
    """Vector neurons, equivariant under O(3), or SO(3) if the representations are of it.

    Attributes:
        norm: Normalization of the lengths of vectors before each nonlinearity, ``"batch"`` or ``"none"``.

    Reference: Deng et al., Vector Neurons, ICCV 2021.
    """

    name = "vector"
    default_hidden = "42x1o"
    embeds_geometry = True
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm, ("batch", "none"))

    def embedding(self, rep_in: Rep, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Vectors from the neighborhood of each point, scaled by its scalars."""
        return VectorEmbedding(rep_in, hidden, norm=self._make_norm)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual edge convolution."""
        return VectorInteraction(hidden, self._make_norm)

    def readout(self, hidden: Rep, rep_out: Rep, output_scale: float = OUTPUT_SCALE) -> nn.Module:
        """Scalars from invariants, vectors by a linear map."""
        return VectorReadout(hidden, rep_out, self._make_norm, output_scale)

    @property
    def _make_norm(self) -> MakeNorm | None:
        return VectorBatchNorm if self.norm == "batch" else None


class VectorEmbedding(nn.Module):
    """Lift of positions and input vectors to hidden vectors, which the input scalars scale channel by channel."""

    def __init__(self, rep_in: Rep, rep_out: Rep, *, negative_slope: float = 0.2, norm: MakeNorm | None = None) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self._layout = ScalarsAndVectors(rep_in, "vector neurons' input")
        self.lift = VectorPositionConv(
            self._layout.vectors, rep_out, negative_slope=negative_slope, norm=None if norm is None else norm(rep_out)
        )
        channels = rep_out.dim // rep_out.group.vector.dim
        self.scale = Linear(self._layout.scalars, channels * rep_out.group.trivial)
        if self.scale.bias is not None:
            nn.init.ones_(self.scale.bias)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars, vectors = self._layout.split(features)
        lifted: Tensor = self.lift(vectors, geometry)
        if not scalars.shape[1]:
            return lifted
        scales = self.scale(scalars)
        vectors = lifted.unflatten(-1, (scales.shape[1], -1))
        return torch.mul(vectors, scales[..., None]).flatten(-2)


class VectorInteraction(nn.Module):
    """Residual edge convolution: ``x + conv(x)``."""

    def __init__(self, rep: Rep, norm: MakeNorm | None = None) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = VectorEdgeConv(rep, rep, norm=None if norm is None else norm(rep))

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        update: Tensor = self.conv(features, geometry)
        return features + update


class VectorReadout(nn.Module):
    """Scalars by an MLP on the invariants of each point's vectors, vectors by a linear map."""

    def __init__(
        self, rep_in: Rep, rep_out: Rep, norm: MakeNorm | None = None, output_scale: float = OUTPUT_SCALE
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self._layout = ScalarsAndVectors(rep_out, "vector neurons' output")
        self.vectors: nn.Module | None = None
        self.scalars: nn.Module | None = None
        if self._layout.vectors.dim:
            self.vectors = Linear(rep_in, self._layout.vectors, gain=output_scale)
        if self._layout.scalars.dim:
            invariants = VectorInvariant(rep_in, scope="point", norm=norm)
            hidden = invariants.rep_out
            last = Linear(hidden, self._layout.scalars, gain=output_scale)
            self.scalars = nn.Sequential(invariants, Linear(hidden, hidden), nn.SiLU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        scalars, vectors = (features[..., :0] if f is None else f(features) for f in (self.scalars, self.vectors))
        return self._layout.join(scalars, vectors)
