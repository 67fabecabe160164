"""The model on networks: invariant under permutations of their hidden features, or a perceptron of all weights."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import Transform
from intertwine.models import WeightMessageNetwork, WeightNetwork, WeightSpaceNetwork, WeightStatisticsNetwork
from intertwine.nn import Weights, WeightSpace

_WIDTH = 12
"""Times the channels of a weight: the width of the perceptron."""


class PlainNetwork(WeightNetwork):
    """A perceptron of all weights in a row, standardized; it has no symmetry.

    Args:
        space: The weight space.
        channels_out: How many numbers are predicted.
        hidden: Width of each layer.
        layers: Number of hidden layers.
        dropout: Dropout rate.
        symmetries: Whether signs, phases and scales are removed by the normal form.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, space: WeightSpace, channels_out: int, hidden: int, layers: int, dropout: float, *, symmetries: bool
    ) -> None:
        super().__init__(space, channels_out, symmetries=symmetries)
        self.register_buffer("mean", torch.zeros(space.num_weights))
        self.register_buffer("scale", torch.ones(space.num_weights))
        widths = [space.num_weights, *[hidden] * layers]
        modules: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            modules += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.GELU(), nn.Dropout(dropout)]
        self.network = nn.Sequential(*modules, nn.Linear(hidden, channels_out))

    def measure(self, weights: Weights) -> None:
        """Set the mean and scale of each weight."""
        mean, scale = self.mean_and_scale(self._row(weights), 0)
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def read(self, weights: Weights) -> Tensor:
        """The output for weights in their normal form."""
        result: Tensor = self.network((self._row(weights) - self.mean) / self.scale)
        return result

    def _row(self, weights: Weights) -> Tensor:
        dims = [x.ndim - 1 - len(self.space.array_shape(a)) for a, x in zip(self.space.arrays, weights, strict=True)]
        return torch.cat([x.flatten(dim) for dim, x in zip(dims, weights, strict=True)], -1)


def weight_space(config: Mapping[str, Any]) -> WeightSpace:
    """The weight space of the networks of a run.

    Raises:
        UsageError: Their tensors are not those of a feed-forward network.
    """
    state = {key: torch.empty(shape, device="meta") for key, shape in config["shapes"].items()}
    return WeightSpace.of_state_dict(state, config["activation"], config["frequency"])


def make_network(config: Mapping[str, Any]) -> WeightNetwork:
    """The model that the configuration of a run describes."""
    target, network, space = config["target"], dict(config["network"]), weight_space(config)
    outputs = 1 if target["kind"] == "numbers" else len(target["classes"])
    name, heads = network.pop("name"), network.pop("heads")
    if name == "plain":
        return PlainNetwork(space, outputs, **{**network, "hidden": _WIDTH * network["hidden"]})
    if name == "message":
        return WeightMessageNetwork(space, outputs, **network)
    if name == "statistics":
        return WeightStatisticsNetwork(space, outputs, **network)
    return WeightSpaceNetwork(space, outputs, heads=heads, **network)


def arrays_of(space: WeightSpace, weights: Mapping[str, Tensor]) -> Weights:
    """Stacked tensors of state dicts as arrays ``(N, *axes, 1)``."""
    return tuple(
        weights[array.key].reshape(len(weights[array.key]), *space.array_shape(array), 1) for array in space.arrays
    )


def permuted_weights(space: WeightSpace, weights: Weights, seed: int) -> Weights:
    """The same networks, their hidden features permuted at random, in one order for all."""
    generator = torch.Generator().manual_seed(seed)
    orders = {name: torch.randperm(size, generator=generator) for name, size in space.sizes}
    moved = space.action(1)(Transform(permutations=orders), tuple(x.movedim(0, -2) for x in weights))
    return tuple(x.movedim(-2, 0) for x in moved)
