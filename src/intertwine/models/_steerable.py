"""The tensor field network: the kernel is steered, so features may be any representation of O(3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intertwine.models._family import Family, InteractionConfig, Norm, check_norm, make_norm
from intertwine.nn import Gate, Geometry, Linear, SteerableConv
from intertwine.reps import Rep


@dataclass(frozen=True)
class Steerable(Family):
    """Tensor field network, equivariant under O(3).

    Attributes:
        norm: What normalizes features before each gate, ``"batch"`` or ``"none"``. Statistics of a batch make what is
            learned of one structure depend on the others: good for classes, not for energies.
    """

    name = "steerable"
    usual = "32x0e + 16x1o + 8x2e"
    strided = True
    norm: Norm = "none"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)

    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """Convolve, gate, mix."""
        return SteerableInteraction(hidden, space, self.norm)

    def pooling(self, fine: Rep, coarse: Rep, space: InteractionConfig) -> nn.Module:
        """Convolve from the cloud to the points that stay, gate, mix."""
        return SteerableStep(fine, coarse, space, self.norm)


class SteerableStep(nn.Module):
    """linear(gate(norm(conv(x) + linear(x)))), to the points of the same cloud or to some of them."""

    def __init__(self, rep_in: Rep, rep_out: Rep, space: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.gate = Gate(rep_out)
        self.conv = SteerableConv(
            rep_in,
            self.gate.rep_in,
            lmax=space.lmax,
            radial_basis=space.radial[0],
            radial_hidden=space.radial[1:],
            cutoff=space.cutoff,
            avg_num_neighbors=space.neighbors,
        )
        self.self_interaction = Linear(rep_in, self.gate.rep_in)
        self.norm = make_norm(norm, self.gate.rep_in)
        self.mix = Linear(rep_out, rep_out, bias=False)

    def forward(self, features: Tensor, where: Geometry, chosen: Tensor | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``, or to ``(M, rep_out.dim)`` at the M points chosen."""
        own = features if chosen is None else features.index_select(0, chosen)
        step: Tensor = self.mix(self.gate(self.norm(self.conv(features, where) + self.self_interaction(own))))
        return step


class SteerableInteraction(SteerableStep):
    """x <- x + step(x)."""

    def __init__(self, rep: Rep, space: InteractionConfig, norm: Norm = "none") -> None:
        super().__init__(rep, rep, space, norm)

    def forward(self, features: Tensor, where: Geometry, chosen: Tensor | None = None) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        return features + super().forward(features, where, chosen)
