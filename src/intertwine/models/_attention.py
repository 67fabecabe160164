"""The SE(3)-Transformer: points choose whom they listen to, and both the choice and what they hear is steered."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models._family import Family, InteractionConfig, Norm, check_norm, make_norm
from intertwine.nn import Gate, Geometry, Linear, SteerableAttention, pad_to_heads
from intertwine.reps import Rep


@dataclass(frozen=True)
class Attention(Family):
    """Attention with steerable keys and values, equivariant under O(3).

    Attributes:
        heads: How many the attention of each layer has.
        norm: As of :class:`intertwine.models.Steerable`.
    """

    name = "attention"
    usual = "32x0e + 16x1o + 8x2e"

    heads: int = 4
    norm: Norm = "none"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Attend, gate, mix."""
        return AttentionInteraction(hidden, space, self.heads, self.norm)


class AttentionInteraction(nn.Module):
    """x <- x + linear(gate(norm(linear(attend(x)) + linear(x))))."""

    def __init__(self, rep: Rep, space: InteractionConfig, heads: int, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.gate = Gate(rep)
        self.attend = SteerableAttention(
            rep,
            pad_to_heads(rep, heads),
            heads=heads,
            lmax=space.lmax,
            radial_basis=space.radial[0],
            radial_hidden=space.radial[1:],
            cutoff=space.cutoff,
            avg_num_neighbors=space.neighbors,
        )
        self.join_heads = Linear(self.attend.rep_out, self.gate.rep_in, bias=False)
        self.self_interaction = Linear(rep, self.gate.rep_in)
        self.norm = make_norm(norm, self.gate.rep_in)
        self.mix = Linear(rep, rep, bias=False)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        heard = self.join_heads(self.attend(features, where))
        step: Tensor = self.mix(self.gate(self.norm(heard + self.self_interaction(features))))
        return features + step
