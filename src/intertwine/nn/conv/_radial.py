"""Radial functions: a Bessel basis of the distance with a multilayer perceptron on it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from intertwine.nn.conv._low_rank_radial import LowRankRadial, low_rank_radial
from intertwine.ops import bessel_basis, silu, smooth_cutoff


class SiLU(nn.Module):
    """:func:`intertwine.ops.silu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return silu(x)


class Radial(nn.Module):
    """Radial functions that end smoothly at a cutoff.

        h(d) = u(d) MLP(b_1(d), ..., b_n(d))

    with the Bessel basis b and the envelope u. Distances are invariants of every group, so that no representation is
    named.

    Args:
        radial_basis: n, the number of basis functions.
        radial_hidden: Widths of the layers of the MLP; empty for the basis alone.
        cutoff: Distance from which every function is zero, in the unit of the positions.

    Raises:
        ValueError: If the cutoff or a number is not positive.

    Example:
        >>> Radial(8, (64,), cutoff=5.0)(torch.tensor([1.0, 6.0])).shape
        torch.Size([2, 64])
    """

    def __init__(self, radial_basis: int = 8, radial_hidden: Sequence[int] = (64,), cutoff: float = 5.0) -> None:
        super().__init__()
        self.radial_basis, self.radial_hidden, self.cutoff = radial_basis, tuple(radial_hidden), float(cutoff)
        widths = (radial_basis, *self.radial_hidden)
        if not cutoff > 0 or min(widths) < 1:
            raise ValueError(
                f"cutoff, radial_basis and radial_hidden must be positive, got {cutoff}, {radial_basis}, "
                f"{self.radial_hidden}"
            )
        self.width = widths[-1]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out, dtype=torch.float32), SiLU()]
        self.network = nn.Sequential(*layers)

    def forward(self, distances: Tensor) -> Tensor:
        """Map distances ``(E,)`` to ``(E, width)``; zero from the cutoff on."""
        return self.values(distances) * self.envelope(distances)[..., None]

    def values(self, distances: Tensor) -> Tensor:
        """The MLP without the envelope, ``(E, width)``: for a product of which a narrower factor takes the envelope."""
        result: Tensor = self.network(bessel_basis(distances, self.cutoff, self.radial_basis))
        return result

    def factors(self, distances: Tensor) -> LowRankRadial:
        """:meth:`values` as a product of fewer functions and coefficients, where that is cheaper."""
        found = None
        if self.width >= 32:
            found = low_rank_radial(self.network, distances, self.cutoff, self.radial_basis)
        return LowRankRadial(self.values(distances), None) if found is None else found

    def envelope(self, distances: Tensor) -> Tensor:
        """``u(d)``: ``(E,)``, one at zero, zero from the cutoff on."""
        return smooth_cutoff(distances, self.cutoff)

    def extra_repr(self) -> str:
        """Numbers and cutoff."""
        return f"radial_basis={self.radial_basis}, radial_hidden={self.radial_hidden}, cutoff={self.cutoff}"
