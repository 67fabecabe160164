"""Network on an array whose axes are permuted: exchangeable layers, normalization, an activation, residuals."""

from __future__ import annotations

from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn import ExchangeableLinear, ExchangeableNorm, ObservedEntries


class ExchangeableNetwork(nn.Module):
    """Exchangeable layers with residuals, from an array to an array with the same axes or others.

    Args:
        axes: The axes of one array, as for :class:`~intertwine.nn.ExchangeableLinear`.
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        hidden: Channels of the hidden layers.
        layers: Number of hidden layers, at least one.
        axes_out: The axes of the output; those of the input where not given.

    Law: permuting the axes of the input permutes those of the output in the same way.

    Reference: Hartford et al., ICML 2018; Maron et al., ICLR 2019.

    Example:
        >>> import torch
        >>> ExchangeableNetwork("rows columns", 1, 3, hidden=8, layers=2, axes_out="rows")(torch.randn(4, 5, 1)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        axes: str,
        channels_in: int,
        channels_out: int,
        *,
        hidden: int = 64,
        layers: int = 3,
        axes_out: str | None = None,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise UsageError(f"expected at least one layer, got {layers}")
        first = ExchangeableLinear(axes, channels_in, hidden)
        self.layers = nn.ModuleList([first, *(ExchangeableLinear(axes, hidden, hidden) for _ in range(layers - 1))])
        self.norms = nn.ModuleList(ExchangeableNorm(axes, hidden) for _ in range(layers))
        self.activation = nn.GELU()
        self._action_in, self._num_axes = first.action_in, len(first.arrays_in[0].names)
        self.last = ExchangeableLinear(axes, hidden, channels_out, axes_out)

    @property
    def action_in(self) -> Action:
        """The permutations of the input."""
        return self._action_in

    @property
    def action_out(self) -> Action:
        """The permutations of the output."""
        return self.last.action_out

    def forward(self, x: Tensor, index: ObservedEntries | None = None, mask: Tensor | None = None) -> Tensor:
        """Map an array.

        Args:
            x: ``(*batch, *axes, channels_in)``; ``(E, channels_in)`` with ``index``.
            index: Where the entries of a sparse array are.
            mask: Which entries of a dense array are observed.

        Returns:
            ``(*batch, *axes_out, channels_out)``, of a sparse array ``(E, channels_out)`` at the same entries.
        """
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            y = self.activation(self._normalize(norm, layer(x, index, mask=mask), index, mask))
            x = x + y if number else y
        result: Tensor = self.last(x, index, mask=mask)
        return result

    def _normalize(self, norm: nn.Module, x: Tensor, index: ObservedEntries | None, mask: Tensor | None) -> Tensor:
        """Over the observed entries; those of a sparse array are an array of one column."""
        if index is None:
            result: Tensor = norm(x, mask)
            return result
        lifted: Tensor = norm(x.view(*x.shape[:1], *[1] * (self._num_axes - 1), *x.shape[1:]))
        return lifted.view_as(x)
