"""Attentive self-interaction: a linear map whose weights depend on the feature."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks
from intertwine.nn._same_group import same_group
from intertwine.reps import Rep

_MODULATION = 0.1  # scale of the dependence of the weights on the feature at initialization, beside the constant part


class AttentiveSelfInteraction(nn.Module):
    """An equivariant linear map whose weights depend on the feature itself.

        y_o = sum_c W_oc x_c,        W = network(<x_a, x_b> for all copies a, b of the irrep)

    Args:
        rep_in: A sum of irreps that act orthogonally, or its text.
        rep_out: Likewise. A block whose irrep is not in ``rep_in`` is zero.
        hidden: Width of each irrep's network, which has one hidden layer.

    Raises:
        ValueError: If a representation is not a sum of irreps, the groups differ or the width is not positive; in
            ``forward`` if the shape does not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``. Polynomial in the lengths, so smooth at zero.

    Cost: for each irrep with c copies ``2 c^2 (width + hidden)`` operations a point, and ``2 hidden c c_out``.

    Reference: Fuchs, Worrall, Fischer, Welling, SE(3)-Transformers, NeurIPS 2020, eq. 13.

    Example:
        >>> layer = AttentiveSelfInteraction("4x0e + 2x1o", "3x0e + 5x1o")
        >>> layer(torch.ones(7, 10)).shape
        torch.Size([7, 18])
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, hidden: int = 64) -> None:
        super().__init__()
        rep_in, rep_out = same_group("AttentiveSelfInteraction", rep_in=rep_in, rep_out=rep_out)
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {hidden}")
        self.rep_in, self.rep_out = rep_in, rep_out
        self._in, self._out = Blocks.of(rep_in), Blocks.of(rep_out)
        self.networks = nn.ModuleList()
        self._sources: list[tuple[int, ...]] = []
        for copies, irrep in self._out.terms:
            sources = tuple(i for i, (_, other) in enumerate(self._in.terms) if other == irrep)
            self._sources.append(sources)
            fan_in = sum(self._in.copies[i] for i in sources)
            self.networks.append(_network(fan_in, copies, hidden) if fan_in and copies else nn.Identity())

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., rep_out.dim)``."""
        self._in.check(features, "AttentiveSelfInteraction")
        inputs, outputs = self._in.split(features), []
        for o, (network, sources) in enumerate(zip(self.networks, self._sources, strict=True)):
            copies, width = self._out.copies[o], self._out.widths[o]
            if not sources or not copies:
                outputs.append(self._out.zeros(o, features))
                continue
            block = torch.cat([inputs[i] for i in sources], -1)
            products = block.mT @ block / width
            weights = network(products.flatten(-2)).unflatten(-1, (block.shape[-1], copies))
            outputs.append(block @ weights)
        return Blocks.join(outputs, features)

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


def _network(fan_in: int, copies: int, hidden: int) -> nn.Sequential:
    """From all products to weights, near those of a linear map that keeps the variance."""
    last = nn.Linear(hidden, fan_in * copies, dtype=torch.float32)
    nn.init.normal_(last.bias, std=1 / sqrt(fan_in))
    nn.init.normal_(last.weight, std=_MODULATION / sqrt(fan_in * hidden))
    return nn.Sequential(nn.Linear(fan_in**2, hidden, dtype=torch.float32), nn.SiLU(), last)
