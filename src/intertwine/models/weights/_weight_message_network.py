"""Invariant network on the weights of networks, by messages from their inputs to their outputs."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, relu

from intertwine.models.weights._messages import NormMessage, message_of
from intertwine.models.weights._weight_network import WeightNetwork, head
from intertwine.nn import Weights, WeightSpace

_CHUNK = 100
"""Networks at a time when statistics are measured."""


class WeightMessageNetwork(WeightNetwork):
    """Invariant function of the weights of a network, by messages along its layers.

    Each hidden feature m has C channels. They are computed from those of the layer before as the network that is read
    computes its own features, with its own activation,

        h_m = act(M sum_n W_mn h_n + b_m beta),    h_m = act(A W_m + b_m beta) in the first layer,

    and mixed between layers by learned matrices M. At initialization M is the identity and beta is one: the channels
    are the features of the network at C learned inputs, the columns of A, drawn from [-1, 1]. A channel of a
    convolution reads filters by a learned pattern. Norm layers scale and shift channels by learned functions of their
    standardized numbers. A perceptron reads the normalized channels of the outputs and the standardized logarithms of
    the mean square of the channels of each layer.

    Args:
        space: The weight space.
        channels_out: Channels of the output.
        hidden: Channels of each feature, C.
        layers: Number of hidden layers of the perceptron.
        dropout: Dropout rate in the perceptron.
        symmetries: Whether signs, phases and scales of hidden features are removed by the normal form.

    Raises:
        ValueError: If there is no layer; in ``forward`` if the arrays do not fit the space.

    Law: permutations of the hidden features do not change the output; nor do the symmetries of their activations.

    Cost: linear in the number of weights times the channels.

    Reference: Kofinas et al., Graph Neural Networks for Learning Equivariant Representations of Neural Networks, ICLR
        2024, section 3, probe features; Kalogeropoulos et al., NeurIPS 2024, section 5, forward messages.

    Example:
        >>> space = WeightSpace.of(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
        >>> model = WeightMessageNetwork(space, 3, hidden=16)
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
        layers: int = 1,
        dropout: float = 0.0,
        symmetries: bool = True,
    ) -> None:
        super().__init__(space, channels_out, symmetries=symmetries)
        messages: list[nn.Module | None] = []
        others, outputs = 0, 0
        for array in space.arrays:
            started = any(message is not None for message in messages)
            messages.append(message_of(array, started, hidden))
            if messages[-1] is None:
                others += prod(array.shape)
            elif array.role == "matrix":
                others, outputs = others + 1, array.shape[0] if array.output is None else 0
        self.messages = nn.ModuleList(nn.Identity() if message is None else message for message in messages)
        self.register_buffer("mean", torch.zeros(others, dtype=torch.float32))
        self.register_buffer("scale", torch.ones(others, dtype=torch.float32))
        self.norm = nn.LayerNorm(hidden, dtype=torch.float32)
        self.head = head(others + hidden * outputs, 2 * hidden, layers, channels_out, dropout)

    def measure(self, weights: Weights) -> None:
        """Set the means and scales of norm layers and of the invariants."""
        for message, x in zip(self.messages, weights, strict=True):
            if isinstance(message, NormMessage):
                message.set_statistics(x)
        chunks = zip(*(x.split(_CHUNK) for x in weights), strict=True)
        mean, scale = self.mean_and_scale(torch.cat([self._invariants(chunk)[1] for chunk in chunks]), 0)
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def read(self, weights: Weights) -> Tensor:
        """The output for weights in their normal form."""
        with torch.autocast(weights[0].device.type, enabled=False):  # Sines of high frequency need float32.
            outputs, others = self._invariants(weights)
        others = (others - self.mean) / self.scale
        invariants = others if outputs is None else torch.cat([self.norm(outputs).flatten(-2), others], -1)
        result: Tensor = self.head(invariants)
        return result

    def _invariants(self, weights: Weights) -> tuple[Tensor | None, Tensor]:
        """The channels of the outputs; the levels of all layers, and numbers that no permutation moves."""
        activations = {name: (kind, frequency) for name, kind, frequency in self.space.activations}
        others: list[Tensor] = []
        features: Tensor | None = None
        name: str | None = None
        for array, message, x in zip(self.space.arrays, self.messages.children(), weights, strict=True):
            if isinstance(message, nn.Identity):
                others.append(x.flatten(x.ndim - 1 - len(self.space.array_shape(array))))
                continue
            if array.role == "matrix" and features is not None and name is not None:
                features = _activated(features, *activations[name])
                others.append(_level(features))
            features, name = message(features, x[..., 0]), array.output
        if features is not None:
            others.append(_level(features))
        return features, torch.cat(others, -1)


def _level(features: Tensor) -> Tensor:
    """The logarithm of the mean square of channels, ``(*batch, 1)``."""
    level: Tensor = features.square().mean((-2, -1)).clamp_min(1e-12).log().unsqueeze(-1)
    return level


def _activated(features: Tensor, kind: str, frequency: float) -> Tensor:
    if kind == "sine":
        return (frequency * features).sin()
    if kind == "tanh":
        return features.tanh()
    return relu(features) if kind == "relu" else gelu(features)
