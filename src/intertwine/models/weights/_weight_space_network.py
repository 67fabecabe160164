"""Network that reads the weights of networks: invariants of a weight space."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from intertwine._errors import UsageError
from intertwine.actions import Action, TrivialAction
from intertwine.nn import (
    Weights,
    WeightSpace,
    WeightSpaceAttention,
    WeightSpaceLinear,
    WeightSpaceNorm,
    check_weights,
    normal_form,
    parse_axes,
)


class WeightSpaceNetwork(nn.Module):
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
        super().__init__()
        if layers < 1:
            raise UsageError(f"expected at least one layer, got {layers}")
        self.space, self.channels_out, self.symmetries = space, channels_out, symmetries
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
        self.head = nn.Sequential(
            nn.Linear(4 * hidden, 4 * hidden, dtype=torch.float32),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * hidden, channels_out, dtype=torch.float32),
        )

    @property
    def action_in(self) -> Action:
        """The permutations of the hidden features."""
        return self.space.action(1)

    @property
    def action_out(self) -> Action:
        """None: the output is invariant."""
        return TrivialAction((self.channels_out,))

    @torch.no_grad()
    def set_statistics(self, weights: Weights) -> None:
        """Set the means and scales by which weights are standardized to those of some networks.

        Args:
            weights: For each array ``(networks, *axes, 1)``. Statistics are over networks and hidden features.
        """
        check_weights(self.space, weights, 1)
        for number, x in enumerate(self._normal_form(weights)):
            axes = parse_axes(self.space.arrays[number].axes)[0].axes
            dims = [0, *(1 + k for k, axis in enumerate(axes) if isinstance(axis, str))]
            spread, mean = torch.std_mean(x, dims, correction=0)
            shape = getattr(self, f"mean_{number}").shape
            getattr(self, f"mean_{number}").copy_(mean.reshape(shape))
            getattr(self, f"scale_{number}").copy_(torch.where(spread > 1e-8, spread, 1.0).reshape(shape))

    def _normal_form(self, weights: Weights) -> Weights:
        return normal_form(self.space, weights) if self.symmetries else weights

    def _standardized(self, weights: Weights) -> Weights:
        return tuple(
            (x - getattr(self, f"mean_{number}")) / getattr(self, f"scale_{number}")
            for number, x in enumerate(self._normal_form(weights))
        )

    def forward(self, *weights: Tensor) -> Tensor:
        """Read networks.

        Args:
            weights: For each array of the space ``(*batch, *axes, 1)``.

        Returns:
            ``(*batch, channels_out)``.
        """
        check_weights(self.space, weights, 1)
        x = self.embed(tuple(self._expanded(z) for z in self._standardized(weights)))
        for number, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=True)):
            y = layer(tuple(gelu(z) for z in norm(x)))
            x = tuple(a + self.dropout(b) for a, b in zip(x, y, strict=True))
            if number < len(self.attentions):
                x = self.attentions[number](x)
        pooled = self.invariants(tuple(gelu(z) for z in self.last_norm(x)))
        result: Tensor = self.head(gelu(pooled))
        return result

    def _expanded(self, x: Tensor) -> Tensor:
        phase = x * x.new_tensor(self.frequencies)
        return torch.cat([x, phase.sin(), phase.cos()], -1)
