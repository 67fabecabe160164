"""Set transformer: attention among elements, then invariants by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action, Array, TrivialAction
from intertwine.nn import SetAttention, SetAttentionPool


class SetTransformer(nn.Module):
    """Invariant function of a set by attention among its elements.

    Args:
        channels_in: Channels of an element.
        channels_out: Channels of the output.
        hidden: Channels of the hidden layers.
        layers: Number of layers of attention.
        heads: Heads of each.
        induced_points: Learned points that stand between the elements; None for attention of all to all.

    Law: invariant under permutations of the elements; elements outside of the mask have no influence.

    Reference: Lee et al., Set Transformer, ICML 2019.

    Example:
        >>> SetTransformer(3, 2, hidden=8, heads=2)(torch.randn(5, 7, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        heads: int = 4,
        induced_points: int | None = None,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise UsageError(f"expected at least one layer, got {layers}")
        self.channels_in, self.channels_out = channels_in, channels_out
        self.embed = nn.Linear(channels_in, hidden, dtype=torch.float32)
        self.layers = nn.ModuleList(SetAttention(hidden, heads, induced_points) for _ in range(layers))
        self.pool = SetAttentionPool(hidden, 1, heads)
        self.last = nn.Linear(hidden, channels_out, dtype=torch.float32)

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
        x = self.embed(x)
        for layer in self.layers:
            x = layer(x, mask)
        result: Tensor = self.last(self.pool(x, mask).squeeze(-2))
        return result
