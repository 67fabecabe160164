"""Radial functions of every layer of a potential, by one network on the distances."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.ops import silu

_SILU_GAIN = 1.6791  # 1 / sqrt(E[silu(x)^2]) for normal x


class RadialNetwork(nn.Module):
    """A few learned functions of the distance that vanish at the cutoff, with their first and second derivatives.

        f(d) = u(d) W MLP(c b_1(d), c b_2(d) / 2^s, ..., c b_n(d) / n^s)

    with the Bessel functions b, the polynomial cutoff u (p = 6), and the c that keeps the sum of the squared scales.
    The scales favor smooth functions: a step of an optimizer changes one of low frequency more than one of high.

    Args:
        radial_basis: n, the number of Bessel functions.
        hidden: Widths of the perceptron.
        functions: How many functions come out.
        smoothness: s.

    Reference: Dusson et al., Atomic cluster expansion: completeness, efficiency and stability, Journal of Computational
    Physics 2022, for such a smoothness prior on the coefficients.
    """

    scale: Tensor

    def __init__(self, radial_basis: int, hidden: Sequence[int], functions: int, smoothness: float) -> None:
        super().__init__()
        widths = [radial_basis, *hidden, functions]
        self.layers = nn.ModuleList(nn.Linear(a, b, dtype=torch.float32) for a, b in pairwise(widths))
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear), "the layers are linear maps"
            nn.init.normal_(layer.weight, std=(_SILU_GAIN if number else 1.0) / sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        scale = torch.arange(1, radial_basis + 1, dtype=torch.float32) ** -smoothness
        self.register_buffer("scale", scale / scale.square().mean().sqrt())

    def forward(self, bessel: Tensor, envelope: Tensor) -> Tensor:
        """Map the Bessel functions ``(E, n)`` and the cutoff ``(E,)`` of edges to ``(E, functions)``."""
        values = bessel * self.scale
        for number, layer in enumerate(self.layers):
            values = layer(silu(values) if number else values)
        return values * envelope[:, None]
