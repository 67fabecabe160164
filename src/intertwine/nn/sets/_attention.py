"""Attention among the elements of a set."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from intertwine._errors import UsageError
from intertwine.actions import Action, Array, TrivialAction


class SetCrossAttention(nn.Module):
    """Multi-head attention of the elements of one set to those of another, with a residual and a network on each.

    Args:
        channels: Of each element of both sets.
        heads: Number of heads; divides the channels.

    Raises:
        ValueError: If the heads do not divide the channels.

    Law: permutations of the queries commute with it, and permutations of the keys do not change it.

    Reference: Lee et al., Set Transformer, ICML 2019, the block MAB with normalization first.

    Example:
        >>> SetCrossAttention(8, heads=2)(torch.randn(3, 8), torch.randn(5, 8)).shape
        torch.Size([3, 8])
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels < 1 or heads < 1 or channels % heads:
            raise UsageError(f"expected channels that {heads} heads divide, got {channels}")
        self.heads = heads
        self.norm_queries, self.norm_keys = (
            nn.LayerNorm(channels, dtype=torch.float32),
            nn.LayerNorm(channels, dtype=torch.float32),
        )
        self.queries = nn.Linear(channels, channels, dtype=torch.float32)
        self.keys_values = nn.Linear(channels, 2 * channels, dtype=torch.float32)
        self.mixed = nn.Linear(channels, channels, dtype=torch.float32)
        self.network = nn.Sequential(
            nn.LayerNorm(channels, dtype=torch.float32),
            nn.Linear(channels, 2 * channels, dtype=torch.float32),
            nn.GELU(),
            nn.Linear(2 * channels, channels, dtype=torch.float32),
        )

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(*batch, m, channels)`` and ``(*batch, n, channels)``, of the keys in a mask, to ``(*batch, m, channels)``.

        Queries attend to nothing, and keep their residual, where no key is in the mask.
        """
        q = self._split(self.queries(self.norm_queries(queries)))
        k, v = map(self._split, self.keys_values(self.norm_keys(keys)).chunk(2, -1))
        seen = None
        if mask is not None:
            seen = (mask | ~mask.any(-1, keepdim=True))[..., None, None, :]
            v = v * mask[..., None, :, None]
        attended = scaled_dot_product_attention(q, k, v, attn_mask=seen)
        x = queries + self.mixed(attended.transpose(-2, -3).flatten(-2))
        result: Tensor = x + self.network(x)
        return result

    def _split(self, x: Tensor) -> Tensor:
        heads: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)
        return heads


class SetAttention(nn.Module):
    """Multi-head attention among the elements of a set, with a residual and a network on each element.

    With induced points the elements attend to m learned points that attended to them, which costs ``n m`` rather than
    ``n^2``.

    Args:
        channels: Of each element.
        heads: Number of heads; divides the channels.
        induced_points: The number m; None for attention of all elements to all.

    Raises:
        ValueError: If the heads do not divide the channels; in ``forward`` if the shape does not fit.

    Law: permutations of the elements commute with it; elements outside of the mask have no influence.

    Reference: Lee et al., Set Transformer, ICML 2019, the blocks SAB and ISAB with normalization first.

    Example:
        >>> layer = SetAttention(8, heads=2, induced_points=3)
        >>> layer(torch.randn(5, 7, 8)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(self, channels: int, heads: int = 4, induced_points: int | None = None) -> None:
        super().__init__()
        self.channels, self.heads, self.induced_points = channels, heads, induced_points
        self.attention = SetCrossAttention(channels, heads)
        self.points: nn.Parameter | None = None
        self.inducing: SetCrossAttention | None = None
        if induced_points is not None:
            if induced_points < 1:
                raise UsageError(f"expected at least one induced point, got {induced_points}")
            self.points = nn.Parameter(torch.randn(induced_points, channels, dtype=torch.float32))
            self.inducing = SetCrossAttention(channels, heads)

    @property
    def action_in(self) -> Action:
        """Permutations of the elements."""
        return Array("items .", None, (self.channels,))

    @property
    def action_out(self) -> Action:
        """Permutations of the elements."""
        return self.action_in

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: ``(*batch, n, channels)``.
            mask: ``(*batch, n)`` booleans, which elements there are; the others become zero.

        Returns:
            The same shape.
        """
        _check(x, self.channels)
        keys, seen = x, mask
        if self.points is not None and self.inducing is not None:
            points = self.points.expand(*x.shape[:-2], *self.points.shape)
            keys, seen = self.inducing(points, x, mask), None
        result: Tensor = self.attention(x, keys, seen)
        return result if mask is None else result * mask[..., None]

    def extra_repr(self) -> str:
        """The channels and heads."""
        induced = "" if self.induced_points is None else f", induced_points={self.induced_points}"
        return f"{self.channels}, heads={self.heads}{induced}"


class SetAttentionPool(nn.Module):
    """Invariants of a set by attention: learned points attend to the elements.

    Args:
        channels: Of each element and of each result.
        points: Number of results.
        heads: Number of heads; divides the channels.

    Law: invariant under permutations of the elements.

    Reference: Lee et al., Set Transformer, ICML 2019, the block PMA.

    Example:
        >>> SetAttentionPool(8, points=2, heads=2)(torch.randn(5, 7, 8)).shape
        torch.Size([5, 2, 8])
    """

    def __init__(self, channels: int, points: int = 1, heads: int = 4) -> None:
        super().__init__()
        if points < 1:
            raise UsageError(f"expected at least one point, got {points}")
        self.channels = channels
        self.points = nn.Parameter(torch.randn(points, channels, dtype=torch.float32))
        self.attention = SetCrossAttention(channels, heads)

    @property
    def action_in(self) -> Action:
        """Permutations of the elements."""
        return Array("items .", None, (self.channels,))

    @property
    def action_out(self) -> Action:
        """None: the results are invariant."""
        return TrivialAction(tuple(self.points.shape))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(*batch, n, channels)`` and a mask ``(*batch, n)`` to ``(*batch, points, channels)``."""
        _check(x, self.channels)
        pooled: Tensor = self.attention(self.points.expand(*x.shape[:-2], *self.points.shape), x, mask)
        return pooled


def _check(x: Tensor, channels: int) -> None:
    if x.ndim < 2 or x.shape[-1] != channels:
        raise UsageError(f"expected sets (*batch, n, {channels}), got {tuple(x.shape)}")
