"""Message passing family on relative positions, which is not equivariant under rotations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models.families._family import Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import Geometry, MessageConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class MessageFamily(Family):
    """Message passing on relative positions, equivariant under translations and permutations only.

    Attributes:
        norm: Normalization of the messages before they are added to the features, ``"layer"``, ``"batch"`` or
            ``"none"``. Without it, points of small or thinned clouds may differ by less than float32 resolves well.
    """

    norm: Norm = "none"

    name = "message"
    default_hidden = "64x0e"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual message passing."""
        return MessageInteraction(hidden, config, self.norm)


class MessageInteraction(nn.Module):
    """Residual message passing: ``x + norm(messages(x, relative positions))``."""

    def __init__(self, rep: Rep, config: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = MessageConv(
            rep, rep, hidden=config.width, cutoff=config.cutoff, avg_num_neighbors=config.avg_num_neighbors
        )
        self.norm = make_norm(norm, rep)

    def forward(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        messages: Tensor = self.norm(self.conv(features, geometry))
        return features + messages
