"""Functions of the distance: what a steerable kernel is free to learn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine.ops import bessel_basis, silu, smooth_cutoff


class SiLU(nn.Module):
    """:func:`intertwine.ops.silu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return silu(x)


class Radial(nn.Module):
    """Radial functions that end smoothly at a cutoff: a Bessel basis and, where asked for, a small network on top.

        h(d) = u(d) MLP(b_1(d), ..., b_n(d))

    Args:
        sizes: ``(basis,)`` or ``(basis, hidden, ...)``: the number of basis functions, then the widths of the network.
        cutoff: Where every function ends, in the unit of the positions.

    Raises:
        ValueError: If the cutoff or a size is not positive.

    Example:
        >>> Radial((8, 64), cutoff=5.0)(torch.tensor([1.0, 6.0])).shape
        torch.Size([2, 64])
    """

    def __init__(self, sizes: Sequence[int], cutoff: float) -> None:
        super().__init__()
        if not cutoff > 0 or not sizes or min(sizes) < 1:
            raise ValueError(
                f"radial functions need a positive cutoff and sizes, got cutoff {cutoff}, sizes {tuple(sizes)}"
            )
        self.sizes, self.cutoff = tuple(sizes), float(cutoff)
        self.width = self.sizes[-1]
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            layers += [nn.Linear(fan_in, fan_out, dtype=torch.float32), SiLU()]
        self.network = nn.Sequential(*layers)

    def forward(self, distances: Tensor) -> Tensor:
        """Map distances ``(E,)`` to ``(E, width)``; zero from the cutoff on."""
        return self.values(distances) * self.envelope(distances)[..., None]

    def values(self, distances: Tensor) -> Tensor:
        """The functions before they are ended: ``(E, width)``. A narrower factor of theirs may take the envelope."""
        result: Tensor = self.network(bessel_basis(distances, self.cutoff, self.sizes[0]))
        return result

    def envelope(self, distances: Tensor) -> Tensor:
        """``u(d)``: ``(E,)``, one at zero, zero from the cutoff on."""
        return smooth_cutoff(distances, self.cutoff)

    def extra_repr(self) -> str:
        """Sizes and cutoff."""
        return f"sizes={self.sizes}, cutoff={self.cutoff}"
