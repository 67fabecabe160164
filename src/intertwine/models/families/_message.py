"""Message passing family on relative positions, which is not equivariant under rotations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models.families._family import Family, InteractionConfig
from intertwine.nn import Geometry, MessageConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class MessageFamily(Family):
    """Message passing on relative positions, equivariant under translations and permutations only."""

    name = "message"
    default_hidden = "64x0e"

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual message passing."""
        return MessageInteraction(hidden, config)


class MessageInteraction(nn.Module):
    """Residual message passing: ``x + messages(x, relative positions)``."""

    def __init__(self, rep: Rep, config: InteractionConfig) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = MessageConv(
            rep, rep, hidden=config.width, cutoff=config.cutoff, avg_num_neighbors=config.avg_num_neighbors
        )

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        messages: Tensor = self.conv(features, geometry)
        return features + messages
