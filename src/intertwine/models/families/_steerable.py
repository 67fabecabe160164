"""Tensor field network family: steerable convolutions with gated nonlinearities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models.families._family import Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import Gate, Geometry, Linear, SteerableConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class SteerableFamily(Family):
    """Tensor field network, equivariant under O(3).

    Attributes:
        norm: Normalization before each gate: ``"layer"``, ``"batch"`` or ``"none"``. Batch statistics make the output
            for one structure depend on the others during training: suitable for classification, not for energies.

    Reference: Thomas et al., Tensor field networks, 2018.
    """

    name = "steerable"
    default_hidden = "32x0e + 16x1o + 8x2e"
    strided = True
    norm: Norm = "none"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual steerable block."""
        return SteerableInteraction(hidden, config, self.norm)

    def pooling(self, fine: Rep, coarse: Rep, config: InteractionConfig) -> nn.Module:
        """Steerable block from the finer cloud to its sampled points: a strided convolution."""
        return SteerableBlock(fine, coarse, config, self.norm)


class SteerableBlock(nn.Module):
    """Steerable convolution, gate and linear map: ``linear(gate(norm(conv(x) + linear(x))))``."""

    def __init__(self, rep_in: Rep, rep_out: Rep, config: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.gate = Gate(rep_out)
        self.conv = SteerableConv(
            rep_in,
            self.gate.rep_in,
            lmax=config.lmax,
            radial_basis=config.radial_basis,
            radial_hidden=config.radial_hidden,
            cutoff=config.cutoff,
            avg_num_neighbors=config.avg_num_neighbors,
        )
        self.self_interaction = Linear(rep_in, self.gate.rep_in)
        self.norm = make_norm(norm, self.gate.rep_in)
        self.mix = Linear(rep_out, rep_out, bias=False)

    def forward(self, features: Tensor, geometry: Geometry, index: Tensor | None = None) -> Tensor:
        """Convolve to the points of the same cloud, or to some of them.

        Args:
            features: ``(N, rep_in.dim)``.
            geometry: Edges from the N points to the targets.
            index: ``(M,)`` which of the N points the targets are; ``None`` for all.

        Returns:
            ``(N, rep_out.dim)``, or ``(M, rep_out.dim)`` with ``index``.
        """
        targets = features if index is None else features.index_select(0, index)
        messages = self.conv(features, geometry)
        output: Tensor = self.mix(self.gate(self.norm(messages + self.self_interaction(targets))))
        return output


class SteerableInteraction(SteerableBlock):
    """Residual steerable block: ``x + block(x)``."""

    def __init__(self, rep: Rep, config: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__(rep, rep, config, norm)

    def forward(self, features: Tensor, geometry: Geometry, index: Tensor | None = None) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        return features + super().forward(features, geometry, index)
