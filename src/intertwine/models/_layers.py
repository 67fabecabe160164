"""The interactions of a point encoder, one class for each step of the case study, registered by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from intertwine.nn import Gate, Linear, MessageConv, SteerableConv
from intertwine.ops import Graph, arrange, length, spherical_harmonics
from intertwine.reps import Rep


@dataclass(frozen=True)
class Space:
    """What the interactions of an encoder have in common: how they see the space between two points."""

    lmax: int
    radial: tuple[int, ...]
    width: int
    cutoff: float
    neighbours: float


class Shared(NamedTuple):
    """What is computed once for all interactions: the graph, relative positions, lengths and harmonics."""

    graph: Graph
    vectors: Tensor
    lengths: Tensor
    harmonics: Tensor


class Interaction(nn.Module):
    """One residual step ``x <- x + f(x, space)`` on features of one representation."""

    def __init__(self, rep: Rep, space: Space) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.space = space

    def shared(self, positions: Tensor, edges: Tensor) -> Shared:
        """What all interactions of an encoder need of the geometry."""
        graph = arrange(edges, len(positions))
        vectors = graph.vectors(positions)
        return Shared(graph, vectors, length(vectors), vectors)


class SteerableInteraction(Interaction):
    """x <- x + linear(gate(conv(x) + linear(x)))."""

    def __init__(self, rep: Rep, space: Space) -> None:
        super().__init__(rep, space)
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

    def shared(self, positions: Tensor, edges: Tensor) -> Shared:
        """The geometry, with its harmonics."""
        geometry = super().shared(positions, edges)
        return geometry._replace(harmonics=spherical_harmonics(self.space.lmax, geometry.vectors))

    def forward(self, features: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        message = self.conv.convolve(features, shared.harmonics, shared.lengths, shared.graph)
        step: Tensor = self.mix(self.gate(message + self.self_interaction(features)))
        return features + step


class MessageInteraction(Interaction):
    """x <- x + messages(x, relative positions)."""

    def __init__(self, rep: Rep, space: Space) -> None:
        super().__init__(rep, space)
        self.conv = MessageConv(rep, rep, hidden=space.width, cutoff=space.cutoff, neighbours=space.neighbours)

    def forward(self, features: Tensor, shared: Shared) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        step: Tensor = self.conv.convolve(features, shared.vectors, shared.graph)
        return features + step


LAYERS: dict[str, Callable[[Rep, Space], Interaction]] = {
    "message": MessageInteraction,
    "steerable": SteerableInteraction,
}
