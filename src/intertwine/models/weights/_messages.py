"""Messages along the layers of a network that is read: one module for each kind of array."""

from __future__ import annotations

from math import prod, sqrt

import torch
from torch import Tensor, nn

from intertwine.nn import WeightArray, parse_axes


class FirstMessage(nn.Module):
    """Channels of the first hidden features, the products of their weights with learned inputs.

    Args:
        shape: That of the weights into a feature.
        channels: Learned inputs, drawn from [-1, 1].
    """

    def __init__(self, shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.dims = len(shape)
        self.points = nn.Parameter(2 * torch.rand(prod(shape), channels, dtype=torch.float32) - 1)

    def forward(self, features: Tensor | None, x: Tensor) -> Tensor:
        """Weights ``(*batch, M, *shape)`` to ``(*batch, M, C)``."""
        assert features is None, "it is the first"
        return x.flatten(-self.dims) @ self.points


class MatrixMessage(nn.Module):
    """Sums of the channels of a layer times its weights, mixed by a matrix that is the identity at first.

    Args:
        places: Weights between two features: 1, pixels of a filter, or places that were flattened.
        channels: Channels of each feature.
    """

    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        pattern = torch.ones if places == 1 else torch.randn
        self.pattern = nn.Parameter(pattern(places, channels, dtype=torch.float32) / sqrt(places))
        self.mix = nn.Parameter(torch.eye(channels, dtype=torch.float32))

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Channels ``(*batch, N, C)`` and weights ``(*batch, M, N, *places)`` to ``(*batch, M, C)``."""
        x = x.reshape(*features.shape[:-2], -1, features.shape[-2], len(self.pattern))
        sums = x.movedim(-1, -3) @ features.unsqueeze(-3)
        return (sums * self.pattern[:, None]).sum(-3) @ self.mix


class ScaleMessage(nn.Module):
    """Channels times the filter of each feature, for a convolution of each channel alone.

    Args:
        shape: That of the filter of a feature.
        channels: Channels of each feature.
    """

    def __init__(self, shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.dims = len(shape)
        self.pattern = nn.Parameter(torch.randn(prod(shape), channels, dtype=torch.float32) / sqrt(prod(shape)))

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Channels ``(*batch, M, C)`` and weights ``(*batch, M, *shape)`` to ``(*batch, M, C)``."""
        return features * (x.flatten(-self.dims) @ self.pattern)


class BiasMessage(nn.Module):
    """Channels plus the bias of each feature, times numbers that are one at first.

    Args:
        channels: Channels of each feature.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(channels, dtype=torch.float32))

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Channels ``(*batch, M, C)`` and biases ``(*batch, M)`` to ``(*batch, M, C)``."""
        return features + x.reshape(*features.shape[:-1], 1) * self.factor


class NormMessage(nn.Module):
    """Channels scaled and shifted by learned functions of the standardized number of each feature.

    Args:
        channels: Channels of each feature.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros((), dtype=torch.float32))
        self.register_buffer("spread", torch.ones((), dtype=torch.float32))
        self.factor = nn.Parameter(0.3 * torch.randn(channels, dtype=torch.float32))
        self.shift = nn.Parameter(0.3 * torch.randn(channels, dtype=torch.float32))

    @torch.no_grad()
    def set_statistics(self, x: Tensor) -> None:
        """Set the mean and spread to those of some networks."""
        spread, mean = torch.std_mean(x, correction=0)
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(spread > 1e-8, spread, 1.0))

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Channels ``(*batch, M, C)`` and numbers ``(*batch, M)`` to ``(*batch, M, C)``."""
        x = ((x - self.mean) / self.spread).unsqueeze(-1)
        return features * (1 + x * self.factor) + x * self.shift


def message_of(array: WeightArray, started: bool, channels: int) -> nn.Module | None:
    """The module that reads an array.

    Args:
        array: The array.
        started: Whether there are hidden features before it.
        channels: Channels of each feature.

    Returns:
        None for an array whose numbers no permutation moves, and which is not of the outputs of hidden features.
    """
    axes = parse_axes(array.axes)[0]
    if not axes.names and (not started or array.role != "bias"):
        return None
    if array.role != "matrix":
        return BiasMessage(channels) if array.role == "bias" else NormMessage(channels)
    inputs = [name for name in axes.names if name != array.output]
    if inputs:
        outputs = 1 if array.output is not None else array.shape[0]
        return MatrixMessage(axes.free // outputs, channels)
    return (ScaleMessage if started else FirstMessage)(array.shape[1:], channels)
