"""Invariant network on the weights of networks: a perceptron of statistics of each array."""

from __future__ import annotations

from math import floor

import torch
from torch import Tensor

from intertwine.models.weights._weight_network import WeightNetwork, head
from intertwine.nn import Weights, WeightSpace

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_LARGEST = 5.0


class WeightStatisticsNetwork(WeightNetwork):
    """A perceptron of the mean, the variance and five quantiles of each array of weights.

    Statistics are standardized over the networks that :meth:`set_statistics` gets, and clamped to five standard
    deviations. They say how a network was trained, and little of which function it computes.

    Args:
        space: The weight space.
        channels_out: Channels of the output.
        hidden: Width of the hidden layers.
        layers: Number of hidden layers.
        dropout: Dropout rate.
        symmetries: Whether signs, phases and scales of hidden features are removed by the normal form.

    Raises:
        ValueError: If there is no layer; in ``forward`` if the arrays do not fit the space.

    Law: permutations of the hidden features do not change the output.

    Reference: Unterthiner et al., Predicting Neural Network Accuracy from Weights, 2020, arXiv 2002.11448, section 3.

    Example:
        >>> from torch import nn
        >>> space = WeightSpace.of(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
        >>> model = WeightStatisticsNetwork(space, 3, hidden=16)
        >>> model(*(torch.randn(5, *space.array_shape(array), 1) for array in space.arrays)).shape
        torch.Size([5, 3])
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        space: WeightSpace,
        channels_out: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        dropout: float = 0.0,
        symmetries: bool = True,
    ) -> None:
        super().__init__(space, channels_out, symmetries=symmetries)
        size = (2 + len(_QUANTILES)) * len(space.arrays)
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(size, dtype=torch.float32))
        self.head = head(size, hidden, layers, channels_out, dropout)

    def measure(self, weights: Weights) -> None:
        """Set the mean and scale of each statistic."""
        mean, scale = self.mean_and_scale(self._statistics(weights), 0)
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def read(self, weights: Weights) -> Tensor:
        """The output for weights in their normal form."""
        x = (self._statistics(weights) - self.mean) / self.scale
        result: Tensor = self.head(x.clamp(-_LARGEST, _LARGEST))
        return result

    def _statistics(self, weights: Weights) -> Tensor:
        columns = []
        for array, x in zip(self.space.arrays, weights, strict=True):
            row = x.flatten(x.ndim - 1 - len(self.space.array_shape(array)))
            variance, mean = torch.var_mean(row, -1, correction=0)
            columns.append(torch.cat([torch.stack([mean, variance], -1), _quantiles(row)], -1))
        return torch.cat(columns, -1)


def _quantiles(row: Tensor) -> Tensor:
    """Quantiles along the last axis, between two numbers linearly."""
    ordered, last = row.sort(-1).values, row.shape[-1] - 1
    places = [share * last for share in _QUANTILES]
    below = [ordered[..., floor(place)] for place in places]
    above = [ordered[..., min(floor(place) + 1, last)] for place in places]
    parts = [
        a + (place - floor(place)) * (b - a) if place > floor(place) else a
        for place, a, b in zip(places, below, above, strict=True)
    ]
    return torch.stack(parts, -1)
