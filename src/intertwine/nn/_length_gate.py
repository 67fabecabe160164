"""A gate that sees lengths: what turns may decide, by its size, what passes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks
from intertwine.nn._linear import Linear
from intertwine.nn._nonlinearities import Gate, Invariants
from intertwine.reps import Rep


class LengthGate(nn.Module):
    """A gate whose invariants and scales are made of all that is invariant in a feature, lengths included.

        u = W (s, |v|) + b,      s -> silu(u_s),      v -> sigmoid(u_v) v

    A convolution is linear in the features, and `Gate` alone looks at its invariants only: how long its vectors and
    tensors are, hence how the neighbourhood is shaped, would first be known at the end of the network.

    Args:
        rep: A sum of irreps that act orthogonally; comes in and goes out.

    Raises:
        ValueError: If ``rep`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``. A vector that is zero stays zero, with a finite gradient.

    Reference: Weiler et al., 3D steerable CNNs, NeurIPS 2018, section 4.3, for the gate.

    Example:
        >>> from intertwine.groups import SO3
        >>> LengthGate(SO3().rep("2x0 + 3x1"))(torch.ones(5, 11)).shape
        torch.Size([5, 11])
    """

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.rep_in = self.rep_out = rep
        self.gate, self.invariants, self._blocks = Gate(rep), Invariants(rep), Blocks.of(rep)
        turning = sum(
            copies * width
            for copies, width, trivial in zip(
                self._blocks.copies, self._blocks.widths, self._blocks.trivial, strict=True
            )
            if not trivial
        )
        self.mix = Linear(self.invariants.rep_out, (self.gate.rep_in.dim - turning) * rep.group.trivial)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep.dim)`` to the same shape."""
        self._blocks.check(features, "LengthGate")
        sizes = [n * width for n, width in zip(self._blocks.copies, self._blocks.widths, strict=True)]
        parts = zip(features.split(sizes, -1), self._blocks.trivial, strict=True)
        turning = [part for part, trivial in parts if not trivial]
        gated: Tensor = self.gate(torch.cat([self.mix(self.invariants(features)), *turning], -1))
        return gated
