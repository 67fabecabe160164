"""Network that reads the weights of networks: invariants of a weight space."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from intertwine._errors import UsageError
from intertwine.models.weights._weight_network import WeightNetwork, head
from intertwine.nn import Weights, WeightSpace, WeightSpaceAttention, WeightSpaceLinear, WeightSpaceNorm, parse_axes


class WeightSpaceNetwork(WeightNetwork):
    """Invariant function of the weights of a network, under permutations of its hidden features.

    Weights are brought into the normal form of their activations' signs, phases and scales, standardized, and expanded
    in sines and cosines of several frequencies; layers of linear maps between weights follow, with residuals, and a
    network on the invariants.

    Args:
        space: The weight space.
        channels_out: Channels of the output.
        hidden: Channels of each weight.
        layers: Number of layers.
        frequencies: Number of frequencies in which weights are expanded; 0 for the weights alone.
        heads: Heads of an attention among hidden features in each layer; 0 for none.
        dropout: Dropout rate of channels.
        symmetries: Whether signs, phases and scales of hidden features are removed as well.

    Raises:
        ValueError: If there is no layer; in ``forward`` if the arrays do not fit the space.

    Law: permutations of the hidden features do not change the output; nor do the symmetries of their activations.

    Reference: Navon et al., ICML 2023; Zhou et al., NeurIPS 2023.

    Example:
        >>> space = WeightSpace.of(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
        >>> model = WeightSpaceNetwork(space, 3, hidden=8, layers=2)
        >>> model(*(torch.randn(5, *space.array_shape(array), 1) for array in space.arrays)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        space: WeightSpace,
        channels_out: int,
        *,
        hidden: int = 32,
        layers: int = 3,
        frequencies: int = 4,
        heads: int = 0,
        dropout: float = 0.0,
        symmetries: bool = True,
    ) -> None:
        super().__init__(space, channels_out, symmetries=symmetries)
        if layers < 1:
            raise UsageError(f"expected at least one layer, got {layers}")
        for number, array in enumerate(space.arrays):
            shape = [axis if isinstance(axis, int) else 1 for axis in parse_axes(array.axes)[0].axes]
            self.register_buffer(f"mean_{number}", torch.zeros(*shape, 1, dtype=torch.float32))
            self.register_buffer(f"scale_{number}", torch.ones(*shape, 1, dtype=torch.float32))
        self.frequencies = [pi * 2.0 ** (k - 2) for k in range(frequencies)]
        self.embed = WeightSpaceLinear(space, 1 + 2 * frequencies, hidden)
        self.norms = nn.ModuleList(WeightSpaceNorm(space, hidden) for _ in range(layers))
        self.layers = nn.ModuleList(WeightSpaceLinear(space, hidden, hidden) for _ in range(layers))
        self.attentions = nn.ModuleList(
            WeightSpaceAttention(space, hidden, heads) for _ in range(layers if heads else 0)
        )
        self.last_norm = WeightSpaceNorm(space, hidden)
        self.invariants = WeightSpaceLinear(space, hidden, 4 * hidden, invariant=True)
        self.dropout = nn.Dropout(dropout)
        self.head = head(4 * hidden, 4 * hidden, 1, channels_out, dropout)

    def measure(self, weights: Weights) -> None:
        """Set the mean and scale of each array, over networks and hidden features."""
        for number, x in enumerate(weights):
            axes = parse_axes(self.space.arrays[number].axes)[0].axes
            dims = [0, *(1 + k for k, axis in enumerate(axes) if isinstance(axis, str))]
            for name, value in zip(("mean", "scale"), self.mean_and_scale(x, dims), strict=True):
                buffer = getattr(self, f"{name}_{number}")
                buffer.copy_(value.reshape(buffer.shape))

    def read(self, weights: Weights) -> Tensor:
        """The output for weights in their normal form."""
        x = self.embed(tuple(self._expanded(number, z) for number, z in enumerate(weights)))
        for number, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=True)):
            y = layer(tuple(gelu(z) for z in norm(x)))
            x = tuple(a + self.dropout(b) for a, b in zip(x, y, strict=True))
            if number < len(self.attentions):
                x = self.attentions[number](x)
        pooled = self.invariants(tuple(gelu(z) for z in self.last_norm(x)))
        result: Tensor = self.head(gelu(pooled))
        return result

    def _expanded(self, number: int, x: Tensor) -> Tensor:
        """Standardized weights of an array, with their sines and cosines."""
        x = (x - getattr(self, f"mean_{number}")) / getattr(self, f"scale_{number}")
        phase = x * x.new_tensor(self.frequencies)
        return torch.cat([x, phase.sin(), phase.cos()], -1)
