"""SE(3)-Transformer family: attention with steerable keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models.families._family import Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import Gate, Geometry, Linear, SteerableAttention, pad_to_heads
from intertwine.reps import Rep


@dataclass(frozen=True)
class AttentionFamily(Family):
    """SE(3)-Transformer, equivariant under O(3).

    Attributes:
        heads: Number of attention heads.
        norm: Normalization before each gate, as in :class:`SteerableFamily`.

    Reference: Fuchs et al., SE(3)-Transformers, NeurIPS 2020.
    """

    name = "attention"
    default_hidden = "32x0e + 16x1o + 8x2e"

    heads: int = 4
    norm: Norm = "none"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual attention block."""
        return AttentionInteraction(hidden, config, self.heads, self.norm)


class AttentionInteraction(nn.Module):
    """Residual attention block: ``x + linear(gate(norm(linear(attend(x)) + linear(x))))``."""

    def __init__(self, rep: Rep, config: InteractionConfig, heads: int, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.gate = Gate(rep)
        self.attend = SteerableAttention(
            rep,
            pad_to_heads(rep, heads),
            heads=heads,
            lmax=config.lmax,
            radial_basis=config.radial_basis,
            radial_hidden=config.radial_hidden,
            cutoff=config.cutoff,
            avg_num_neighbors=config.avg_num_neighbors,
        )
        self.join_heads = Linear(self.attend.rep_out, self.gate.rep_in, bias=False)
        self.self_interaction = Linear(rep, self.gate.rep_in)
        self.norm = make_norm(norm, self.gate.rep_in)
        self.mix = Linear(rep, rep, bias=False)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        attended = self.join_heads(self.attend(features, geometry))
        update: Tensor = self.mix(self.gate(self.norm(attended + self.self_interaction(features))))
        return features + update
