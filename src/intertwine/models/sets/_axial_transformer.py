"""Network on a matrix whose rows and columns are permuted: axial attention and exchangeable layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn import ExchangeableLinear, TiedAxialAttention, parse_axes


class AxialTransformer(nn.Module):
    """From a matrix to a matrix, by attention among rows, attention among columns and exchangeable layers.

    Each layer compares rows with each other over all columns, columns over all rows, and then maps entries with the
    means of their row, of their column and of all. Where :class:`~intertwine.models.ExchangeableNetwork` learns from
    the levels of rows and columns, this one also learns from what rows have in common, as the completion of a matrix of
    low rank needs.

    Args:
        channels_in: Channels of an entry of the input.
        channels_out: Channels of an entry of the output.
        hidden: Channels of the hidden layers.
        layers: Number of layers, at least one.
        heads: Heads of each attention; divides ``hidden``.

    Raises:
        ValueError: If there is no layer, or the heads do not divide the channels.

    Law: permutations of rows and columns commute with it; entries outside of the mask have no influence.

    Cost: (rows + columns) x rows x columns x channels.

    Reference: Ho et al., Axial Attention in Multidimensional Transformers, 2019; Rao et al., MSA Transformer, ICML
        2021; Hartford et al., ICML 2018.

    Example:
        >>> AxialTransformer(2, 1, hidden=8, layers=1, heads=2)(torch.randn(5, 7, 2)).shape
        torch.Size([5, 7, 1])
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, hidden: int = 32, layers: int = 3, heads: int = 4
    ) -> None:
        super().__init__()
        if layers < 1:
            raise UsageError(f"expected at least one layer, got {layers}")
        self.channels_in, self.channels_out = channels_in, channels_out
        self.embed = nn.Linear(channels_in, hidden, dtype=torch.float32)
        self.among_rows = nn.ModuleList(TiedAxialAttention(hidden, heads) for _ in range(layers))
        self.among_columns = nn.ModuleList(TiedAxialAttention(hidden, heads) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, dtype=torch.float32) for _ in range(layers))
        self.widening = nn.ModuleList(ExchangeableLinear("rows columns", hidden, 2 * hidden) for _ in range(layers))
        self.narrowing = nn.ModuleList(nn.Linear(2 * hidden, hidden, dtype=torch.float32) for _ in range(layers))
        self.activation = nn.GELU()
        self.last = nn.Sequential(
            nn.LayerNorm(hidden, dtype=torch.float32), nn.Linear(hidden, channels_out, dtype=torch.float32)
        )

    @property
    def action_in(self) -> Action:
        """Permutations of the rows and of the columns."""
        return parse_axes("rows columns")[0].action(self.channels_in)

    @property
    def action_out(self) -> Action:
        """Permutations of the rows and of the columns."""
        return parse_axes("rows columns")[0].action(self.channels_out)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map a matrix.

        Args:
            x: ``(*batch, rows, columns, channels_in)``.
            mask: ``(*batch, rows, columns)`` booleans, which entries there are. Entries that are to be predicted are
                in it: a channel of the input says that they are not known.

        Returns:
            ``(*batch, rows, columns, channels_out)``, zero outside of the mask.
        """
        x = self.embed(x)
        flipped = None if mask is None else mask.mT
        for rows, columns, norm, widening, narrowing in zip(
            self.among_rows, self.among_columns, self.norms, self.widening, self.narrowing, strict=True
        ):
            x = columns(rows(x, mask).transpose(-2, -3), flipped).transpose(-2, -3)
            x = x + narrowing(self.activation(widening(norm(x), mask=mask)))
        result: Tensor = self.last(x)
        return result if mask is None else result * mask[..., None]
