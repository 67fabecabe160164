"""The interactions of a point encoder, one class for each step of the case study, registered by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.nn import Gate, Geometry, Linear, MessageConv, SteerableConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class Space:
    """What the interactions of an encoder have in common: how they see the space between two points."""

    lmax: int
    radial: tuple[int, ...]
    width: int
    cutoff: float
    neighbours: float


class SteerableInteraction(nn.Module):
    """x <- x + linear(gate(conv(x) + linear(x)))."""

    def __init__(self, rep: Rep, space: Space) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.gate = Gate(rep)
        self.conv = SteerableConv(
            rep,
            self.gate.rep_in,
            lmax=space.lmax,
            radial=space.radial,
            cutoff=space.cutoff,
            neighbours=space.neighbours,
        )
        self.self_interaction = Linear(rep, self.gate.rep_in)
        self.mix = Linear(rep, rep, bias=False)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.mix(self.gate(self.conv(features, where) + self.self_interaction(features)))
        return features + step


class MessageInteraction(nn.Module):
    """x <- x + messages(x, relative positions)."""

    def __init__(self, rep: Rep, space: Space) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.conv = MessageConv(rep, rep, hidden=space.width, cutoff=space.cutoff, neighbours=space.neighbours)

    def forward(self, features: Tensor, where: Geometry) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.conv(features, where)
        return features + step


LAYERS: dict[str, Callable[[Rep, Space], nn.Module]] = {
    "message": MessageInteraction,
    "steerable": SteerableInteraction,
}
