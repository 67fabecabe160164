"""Attention among the rows of a matrix, tied over its columns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn.sets._axes import parse_axes


class TiedAxialAttention(nn.Module):
    """Linear multi-head attention among the rows of a matrix, with weights that all columns share, and a residual.

        Y_ij = X_ij + W mean_i' (a_ii' V_i'j),      a_ii' = s mean_j (Q_ij . K_i'j) / sqrt(channels of a head)

    Queries, keys and values are linear in the normalized entries, s is learned for each head, means are over observed
    entries. There is no softmax, so that rows may have negative weights: to first order the output is the product
    X X^T X, which compares rows. Linear maps between exchangeable arrays and pointwise functions do not form it.

    Args:
        channels: Of each entry.
        heads: Number of heads; divides the channels.

    Raises:
        ValueError: If the heads do not divide the channels; in ``forward`` if the shape does not fit.

    Law: permutations of the rows and of the columns commute with it; entries outside of the mask have no influence.

    Cost: rows^2 x columns x channels.

    Reference: Rao et al., MSA Transformer, ICML 2021, equation 1, tied row attention; Katharopoulos et al.,
        Transformers are RNNs, ICML 2020, attention without softmax.

    Example:
        >>> TiedAxialAttention(8, heads=2)(torch.randn(5, 7, 8)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        if channels < 1 or heads < 1 or channels % heads:
            raise UsageError(f"expected channels that {heads} heads divide, got {channels}")
        self.channels, self.heads = channels, heads
        self.norm = nn.LayerNorm(channels, dtype=torch.float32)
        self.queries_keys_values = nn.Linear(channels, 3 * channels, dtype=torch.float32)
        self.strength = nn.Parameter(torch.ones(heads, 1, 1, dtype=torch.float32))
        self.mixed = nn.Linear(channels, channels, dtype=torch.float32)

    @property
    def action_in(self) -> Action:
        """Permutations of the rows and of the columns."""
        return parse_axes("rows columns")[0].action(self.channels)

    @property
    def action_out(self) -> Action:
        """Permutations of the rows and of the columns."""
        return self.action_in

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: ``(*batch, rows, columns, channels)``.
            mask: ``(*batch, rows, columns)`` booleans, which entries there are; the others become zero.

        Returns:
            The same shape.
        """
        if x.ndim < 3 or x.shape[-1] != self.channels:
            raise UsageError(f"expected matrices (*batch, rows, columns, {self.channels}), got {tuple(x.shape)}")
        rows, columns = x.shape[-3:-1]
        parts = self.queries_keys_values(self.norm(x))
        pairs: Tensor | int = max(columns, 1)
        values: Tensor | int = max(rows, 1)
        if mask is not None:
            there = mask.to(x.dtype)
            parts = parts * there[..., None]
            pairs = (there @ there.mT).clamp_min(1)[..., None, :, :]
            values = there.sum(-2)[..., None, None, :, None].clamp_min(1)
        queries, keys, vectors = (self._split(part) for part in parts.chunk(3, -1))
        logits = queries @ keys.mT / (pairs * (self.channels // self.heads) ** 0.5)
        mixed = (self.strength * logits @ vectors).unflatten(-1, (columns, self.channels // self.heads)) / values
        y: Tensor = x + self.mixed(mixed.movedim(-4, -2).flatten(-2))
        return y if mask is None else y * mask[..., None]

    def _split(self, x: Tensor) -> Tensor:
        """``(*batch, rows, columns, channels)`` to ``(*batch, heads, rows, columns x channels of a head)``."""
        heads: Tensor = x.unflatten(-1, (self.heads, self.channels // self.heads)).movedim(-2, -4)
        return heads.flatten(-2)

    def extra_repr(self) -> str:
        """The channels and heads."""
        return f"{self.channels}, heads={self.heads}"
