"""The tensor field network: the kernel is steered, so features may be any representation of O(3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models._family import Family, Space
from intertwine.nn import Gate, Geometry, Linear, SteerableConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class Steerable(Family):
    """Tensor field network, equivariant under O(3)."""

    name = "steerable"
    usual = "32x0e + 16x1o + 8x2e"

    def interaction(self, hidden: Rep, space: Space) -> nn.Module:
        """Convolve, gate, mix."""
        return SteerableInteraction(hidden, space)


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
