"""Plain message passing on relative positions: where the case study starts, and what fails under rotation."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models._family import Family, InteractionConfig
from intertwine.nn import Geometry, MessageConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class Message(Family):
    """Message passing on relative positions, equivariant under translations and permutations only."""

    name = "message"
    usual = "64x0e"

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Send, sum, update."""
        return MessageInteraction(hidden, space)


class MessageInteraction(nn.Module):
    """x <- x + messages(x, relative positions)."""

    def __init__(self, rep: Rep, space: InteractionConfig) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = MessageConv(rep, rep, hidden=space.width, cutoff=space.cutoff, avg_num_neighbors=space.neighbors)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.conv(features, where)
        return features + step
