"""Layers on weight spaces: linear maps, activations, normalization, attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action
from intertwine.nn.sets import ExchangeableLinear, SetCrossAttention, parse_axes
from intertwine.nn.weights._space import Weights, WeightSpace


class WeightSpaceLinear(ExchangeableLinear):
    """All linear maps between the weights of networks that commute with permutations of hidden features.

    The exchangeable layer of the arrays of a space: between each pair of arrays, hidden features that they do not share
    are averaged over or repeated, and those that they share are kept.

    Args:
        space: The weight space.
        channels_in: Channels of each weight.
        channels_out: Channels of each weight of the output.
        invariant: Whether the output has no axes but its channels.
        bias: As for :class:`~intertwine.nn.ExchangeableLinear`.

    Law: permuting the hidden features of the input permutes those of the output; an invariant output stays.

    Cost: linear in the number of weights.

    Reference: Navon et al., ICML 2023, theorem 4.1; Zhou et al., NeurIPS 2023, eq. 3.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
        >>> space = WeightSpace.of(network)
        >>> WeightSpaceLinear(space, 1, 1).num_maps, WeightSpaceLinear(space, 1, 1, invariant=True).num_maps
        (75, 7)
    """

    def __init__(
        self, space: WeightSpace, channels_in: int, channels_out: int, *, invariant: bool = False, bias: bool = True
    ) -> None:
        super().__init__(space.axes, channels_in, channels_out, "1" if invariant else None, bias=bias)
        self.space = space


class WeightSpaceActivation(nn.Module):
    """A function of each number of each array.

    Args:
        space: The weight space.
        channels: Channels of each weight.
        function: The function, GELU by default.
    """

    def __init__(
        self, space: WeightSpace, channels: int, function: Callable[[Tensor], Tensor] = nn.functional.gelu
    ) -> None:
        super().__init__()
        self.space, self.channels, self.function = space, channels, function

    @property
    def action_in(self) -> Action:
        """The permutations of the hidden features."""
        return self.space.action(self.channels)

    @property
    def action_out(self) -> Action:
        """The permutations of the hidden features."""
        return self.action_in

    def forward(self, weights: Weights) -> Weights:
        """Element by element."""
        return tuple(self.function(x) for x in weights)


class WeightSpaceNorm(nn.Module):
    """Normalization of the channels of each weight to zero mean and unit variance, with weights for each array.

    Args:
        space: The weight space.
        channels: Channels of each weight.

    Law: permutations of the hidden features commute with it.

    Example:
        >>> space = WeightSpace.of(nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)))
        >>> x = tuple(5 * torch.randn(2, *space.array_shape(array), 8) for array in space.arrays)
        >>> bool(WeightSpaceNorm(space, 8)(x)[0].mean(-1).abs().max() < 1e-5)
        True
    """

    def __init__(self, space: WeightSpace, channels: int) -> None:
        super().__init__()
        self.space, self.channels = space, channels
        self.norms = nn.ModuleList(nn.LayerNorm(channels, dtype=torch.float32) for _ in space.arrays)

    @property
    def action_in(self) -> Action:
        """The permutations of the hidden features."""
        return self.space.action(self.channels)

    @property
    def action_out(self) -> Action:
        """The permutations of the hidden features."""
        return self.action_in

    def forward(self, weights: Weights) -> Weights:
        """Normalize each array."""
        return tuple(norm(x) for norm, x in zip(self.norms, weights, strict=True))


class WeightSpaceAttention(nn.Module):
    """Attention along each axis of hidden features of each array: among the rows of a matrix, and among its columns.

    Args:
        space: The weight space.
        channels: Channels of each weight.
        heads: Number of heads; divides the channels.

    Law: permutations of the hidden features commute with it.

    Cost: quadratic in the width of a layer times the size of its array.

    Reference: Zhou et al., Neural Functional Transformers, NeurIPS 2023, attention along the axes of weights.
    """

    def __init__(self, space: WeightSpace, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.space, self.channels = space, channels
        self.layers = nn.ModuleList(
            nn.ModuleList(SetCrossAttention(channels, heads) for _ in parse_axes(array.axes)[0].names)
            for array in space.arrays
        )

    @property
    def action_in(self) -> Action:
        """The permutations of the hidden features."""
        return self.space.action(self.channels)

    @property
    def action_out(self) -> Action:
        """The permutations of the hidden features."""
        return self.action_in

    def forward(self, weights: Weights) -> Weights:
        """Attend along each axis in turn."""
        results = []
        for array, layers, x in zip(self.space.arrays, self.layers, weights, strict=True):
            axes = parse_axes(array.axes)[0].axes
            permuted = [k for k, axis in enumerate(axes) if isinstance(axis, str)]
            for dim, layer in zip(permuted, _modules(layers), strict=True):
                place = x.ndim - 1 - len(axes) + dim
                rows = x.movedim(place, -2)
                x = layer(rows, rows).movedim(-2, place)
            results.append(x)
        return tuple(results)


def _modules(layers: nn.Module) -> Sequence[nn.Module]:
    return list(layers.children())


def check_weights(space: WeightSpace, weights: Weights, channels: int) -> None:
    """Check the shapes of the arrays of a batch of networks.

    Raises:
        UsageError: If one does not fit.
    """
    if not isinstance(weights, tuple) or len(weights) != len(space.arrays):
        raise UsageError(f"expected a tuple of {len(space.arrays)} arrays, got {type(weights).__name__}")
    for array, x in zip(space.arrays, weights, strict=True):
        shape = (*space.array_shape(array), channels)
        if tuple(x.shape[-len(shape) :]) != shape:
            raise UsageError(f'expected "{array.key}" as (*batch, {", ".join(map(str, shape))}), got {tuple(x.shape)}')
