"""Normalization of arrays over their permuted axes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn.sets._axes import parse_axes


class ExchangeableNorm(nn.Module):
    """Normalization of an array to zero mean and unit variance over all its entries and channels.

        y = (x - mean) / sqrt(variance + epsilon) * weight + bias

    Each array of a batch has its own mean and variance, over its observed entries; weight and bias are of a channel.
    The entries ``(E, channels)`` of a sparse array are normalized as a set, ``ExchangeableNorm("entries", channels)``.

    Args:
        axes: The axes of the array, as for :class:`ExchangeableLinear`; each place along an axis that no group moves
            has its own weights.
        channels: The number of channels.
        epsilon: Added to the variance.

    Raises:
        ValueError: If there is more than one array, or, in ``forward``, the shape does not fit.

    Law: permutations of the axes commute with it.

    Reference: Zhang et al., Set Norm and Equivariant Skip Connections, ICML 2022.

    Example:
        >>> norm = ExchangeableNorm("rows columns", 3)
        >>> y = norm(torch.randn(4, 5, 3))
        >>> bool(y.mean().abs() < 1e-6)
        True
    """

    def __init__(self, axes: str, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        arrays = parse_axes(axes)
        if len(arrays) != 1:
            raise UsageError(f'ExchangeableNorm normalizes one array, got the axes "{axes}"')
        self.axes, self.array, self.channels, self.epsilon = axes, arrays[0], channels, epsilon
        shape = (*(axis if isinstance(axis, int) else 1 for axis in self.array.axes), channels)
        self.weight = nn.Parameter(torch.ones(shape, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(shape, dtype=torch.float32))

    @property
    def action_in(self) -> Action:
        """The permutations of the input."""
        return self.array.action(self.channels)

    @property
    def action_out(self) -> Action:
        """The permutations of the output."""
        return self.action_in

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalize.

        Args:
            x: ``(*batch, *axes, channels)``.
            mask: ``(*batch, *permuted axes)`` booleans, which entries are observed; the others become zero.

        Returns:
            The same shape.
        """
        batch = x.ndim - len(self.array.axes) - 1
        if batch < 0 or x.shape[-1] != self.channels:
            raise UsageError(f"expected (*batch, {self.axes}, {self.channels}), got {tuple(x.shape)}")
        dims = list(range(batch, x.ndim))
        observed = None if mask is None else self._lift(mask, batch).to(x.dtype)
        if observed is None:
            mean = x.mean(dims, keepdim=True)
            variance = (x - mean).square().mean(dims, keepdim=True)
            return (x - mean) * (variance + self.epsilon).rsqrt() * self.weight + self.bias
        count = (observed.sum(dims, keepdim=True) * self.weight.numel()).clamp_min(1)
        centered = (x - (x * observed).sum(dims, keepdim=True) / count) * observed
        variance = centered.square().sum(dims, keepdim=True) / count
        return (centered * (variance + self.epsilon).rsqrt() * self.weight + self.bias) * observed

    def _lift(self, mask: Tensor, batch: int) -> Tensor:
        """Axes of size one for the axes that no group moves and for the channels."""
        for k, axis in enumerate(self.array.axes):
            mask = mask if isinstance(axis, str) else mask.unsqueeze(batch + k)
        return mask.unsqueeze(-1)

    def extra_repr(self) -> str:
        """The axes and channels."""
        return f'"{self.axes}", {self.channels}'
