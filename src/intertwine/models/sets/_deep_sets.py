"""Deep sets: layers of elements and their mean, a pool, a network on what is pooled."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action, Array, TrivialAction
from intertwine.nn import ExchangeableLinear, ExchangeableNorm

Pooling = Literal["mean", "sum", "max"]


class DeepSets(nn.Module):
    """Invariant function of a set, rho(pool of phi(x_i)), phi made of layers x_i A + mean(x) B + c.

    Args:
        channels_in: Channels of an element.
        channels_out: Channels of the output.
        hidden: Channels of the hidden layers.
        layers: Number of layers of phi.
        pool: "mean", "sum" or "max".

    Raises:
        ValueError: If ``pool`` is none of these, or there is no layer.

    Law: invariant under permutations of the elements; elements outside of the mask have no influence.

    Reference: Zaheer et al., Deep Sets, NeurIPS 2017, eq. 4 and theorem 2.

    Example:
        >>> model = DeepSets(3, 2, hidden=8)
        >>> model(torch.randn(5, 7, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, hidden: int = 64, layers: int = 2, pool: Pooling = "mean"
    ) -> None:
        super().__init__()
        if layers < 1 or pool not in ("mean", "sum", "max"):
            raise UsageError(f'expected a layer or more and the pool "mean", "sum" or "max", got {layers} and {pool!r}')
        self.channels_in, self.channels_out, self.pool = channels_in, channels_out, pool
        widths = [channels_in, *[hidden] * layers]
        self.layers = nn.ModuleList(ExchangeableLinear("items", a, b) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(ExchangeableNorm("items", hidden) for _ in range(layers - 1))
        self.activation = nn.GELU()
        self.network = nn.Sequential(
            nn.Linear(hidden, hidden, dtype=torch.float32),
            nn.GELU(),
            nn.Linear(hidden, channels_out, dtype=torch.float32),
        )

    @property
    def action_in(self) -> Action:
        """Permutations of the elements."""
        return Array("items .", None, (self.channels_in,))

    @property
    def action_out(self) -> Action:
        """None: the output is invariant."""
        return TrivialAction((self.channels_out,))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(*batch, n, channels_in)`` and a mask ``(*batch, n)`` to ``(*batch, channels_out)``."""
        for number, layer in enumerate(self.layers):
            x = layer(x, mask=mask)
            if number < len(self.norms):
                x = self.norms[number](x, mask)
            x = self.activation(x)
        result: Tensor = self.network(_pool(x, mask, self.pool))
        return result


def _pool(x: Tensor, mask: Tensor | None, pool: Pooling) -> Tensor:
    """Over the elements; zero for an empty set."""
    if pool == "max":
        lowest = torch.finfo(x.dtype).min
        hidden = x if mask is None else x.masked_fill(~mask.unsqueeze(-1), lowest)
        floor = x.new_full((*x.shape[:-2], 1, x.shape[-1]), lowest)
        largest = torch.cat([hidden, floor], -2).amax(-2)
        return torch.where(largest > lowest, largest, 0)
    total = (x if mask is None else x * mask.unsqueeze(-1)).sum(-2)
    if pool == "sum":
        return total
    count = torch.sym_max(x.shape[-2], 1) if mask is None else mask.sum(-1, keepdim=True).clamp_min(1)
    return total / count
