"""Weight space of a feed-forward network: its arrays, and the permutations of its hidden features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Action, TupleAction
from intertwine.nn.sets import parse_axes
from intertwine.nn.weights._reading import ACTIVATIONS, Activation, Layer, layers_of_module, layers_of_weights

Weights = tuple[Tensor, ...]


@dataclass(frozen=True)
class WeightArray:
    """One tensor of a network.

    Attributes:
        key: Its name in the state dict.
        axes: Its axes: the name of the hidden features, or the size of an axis that no permutation moves.
        shape: Its shape in the state dict; the axes may split one of these.
        output: The hidden features that its first axis numbers, None where they are the network's outputs.
        role: "matrix", "bias" or "norm".
    """

    key: str
    axes: str
    shape: tuple[int, ...]
    output: str | None
    role: str


@dataclass(frozen=True)
class WeightSpace:
    """The weights of a feed-forward network, and what permutations of its hidden features do to them.

        (W_m, b_m) -> (P_m W_m P_{m-1}^T, P_m b_m),   P_0 and P_M the identity

    The hidden features of each layer are an axis of their own, "h1", "h2", ..; the inputs and outputs of the network,
    the pixels of its filters and the places that are flattened stay where they are. The function that the network
    computes does not change. The arrays of a batch of networks are ``(*batch, *axes, channels)``, one channel for the
    weights themselves; :class:`WeightSpaceLinear` maps them.

    Attributes:
        arrays: The tensors in the order of the network.
        sizes: The number of features of each hidden layer by its name.
        activations: The activation after each hidden layer by its name: the kind and the frequency of a sine.

    Reference: Hecht-Nielsen 1990; Navon et al., ICML 2023, eq. 1 to 3.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
        >>> space = WeightSpace.of(network)
        >>> space.axes
        'h1 2 + h1 + 1 h1 + 1'
        >>> [tuple(array.shape) for array in space.stack([network.state_dict()])]
        [(1, 32, 2, 1), (1, 32, 1), (1, 1, 32, 1), (1, 1)]
    """

    arrays: tuple[WeightArray, ...]
    sizes: tuple[tuple[str, int], ...]
    activations: tuple[tuple[str, str, float], ...]

    @classmethod
    def of(cls, module: nn.Module, *, pointwise: Sequence[type[nn.Module]] = ()) -> WeightSpace:
        """The weight space of a module.

        Args:
            module: A ``torch.nn.Sequential`` of linear, convolution, norm, pooling and pointwise layers.
            pointwise: Further classes of modules that act on each number alone.

        Raises:
            UsageError: If the symmetries of a layer are not known, or the layers do not fit each other.
        """
        return _chain(layers_of_module(module, pointwise))

    @classmethod
    def of_state_dict(
        cls, state: Mapping[str, Tensor], activation: str = "other", frequency: float = 30.0
    ) -> WeightSpace:
        """The weight space of a network of which only the weights are known, its layers one after the other.

        Args:
            state: The tensors by name.
            activation: What stands between the layers: "relu", "tanh", "sine" or "other".
            frequency: That of a sine.

        Raises:
            UsageError: If the tensors are not those of a feed-forward network.
        """
        if activation not in ACTIVATIONS:
            raise UsageError(f'expected one of the activations {", ".join(ACTIVATIONS)}, got "{activation}"')
        shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
        return _chain(layers_of_weights(shapes, Activation(activation, frequency)))

    @property
    def axes(self) -> str:
        """The axes of all arrays, as :class:`~intertwine.nn.ExchangeableLinear` reads them."""
        return " + ".join(array.axes for array in self.arrays)

    @property
    def num_weights(self) -> int:
        """How many numbers a network has."""
        return sum(prod(array.shape) for array in self.arrays)

    def action(self, channels: int = 1) -> Action:
        """The permutations of the hidden features, on a tuple of arrays."""
        return TupleAction(*(parse_axes(array.axes)[0].action(channels) for array in self.arrays))

    def array_shape(self, array: WeightArray) -> tuple[int, ...]:
        """The sizes of an array's axes."""
        known = dict(self.sizes)
        return tuple(known[axis] if isinstance(axis, str) else axis for axis in parse_axes(array.axes)[0].axes)

    def stack(self, states: Sequence[Mapping[str, Tensor]]) -> Weights:
        """The weights of several networks of this space.

        Args:
            states: Their state dicts.

        Returns:
            For each array ``(networks, *axes, 1)``.

        Raises:
            UsageError: If a tensor is missing or has another shape.
        """
        for number, state in enumerate(states):
            for array in self.arrays:
                if array.key not in state or tuple(state[array.key].shape) != array.shape:
                    got = tuple(state[array.key].shape) if array.key in state else "none"
                    raise UsageError(f'network {number} has "{array.key}" of shape {got}, expected {array.shape}')
        return tuple(
            torch.stack([state[array.key] for state in states]).reshape(len(states), *self.array_shape(array), 1)
            for array in self.arrays
        )

    def unstack(self, weights: Weights) -> list[dict[str, Tensor]]:
        """The state dicts of several networks, the inverse of :meth:`stack`; what it leaves out is not in them."""
        return [
            {array.key: x[k, ..., 0].reshape(array.shape) for array, x in zip(self.arrays, weights, strict=True)}
            for k in range(len(weights[0]))
        ]


def _chain(layers: Sequence[Layer | Activation]) -> WeightSpace:
    """Name the features between the layers."""
    matrices = [layer for layer in layers if isinstance(layer, Layer) and layer.matrix is not None]
    if not matrices:
        raise UsageError("expected a network with a linear or convolution layer, got none")
    last, arrays, sizes = matrices[-1], [], dict[str, int]()
    if last.is_grouped:
        raise UsageError(
            f'the last layer "{last.name}" is a convolution of each channel alone: expected one that mixes'
        )
    activations: dict[str, tuple[str, float]] = {}
    features: str | None = None
    started = False
    for layer in layers:
        if isinstance(layer, Activation):
            if features is not None:
                activations[features] = (layer.kind, layer.frequency) if features not in activations else ("other", 1.0)
            continue
        if layer.matrix is not None:
            key, shape = layer.matrix
            inputs = _inputs(layer, shape, features, sizes)
            if not layer.is_grouped:
                features = None if layer is last else f"h{len(sizes) + 1}"
                if features is not None:
                    sizes[features] = shape[0]
            out, started = features or str(shape[0]), True
            arrays.append(WeightArray(key, f"{out} {inputs}".strip(), shape, features, "matrix"))
        for key, size in layer.vectors.items():
            role = "bias" if layer.matrix is not None else "norm"
            shared = role == "norm" and size == 1
            if features is not None and size != sizes[features] and not shared:
                raise UsageError(f'"{key}" has {size} numbers for {sizes[features]} features')
            axes = features if features is not None and started and not shared else str(size)
            arrays.append(WeightArray(key, axes, (size,), features, role))
    listed = tuple((name, *activations.get(name, ("other", 1.0))) for name in sizes)
    return WeightSpace(tuple(arrays), tuple(sizes.items()), listed)


def _inputs(layer: Layer, shape: tuple[int, ...], features: str | None, sizes: Mapping[str, int]) -> str:
    """The axes of a matrix after the first.

    Raises:
        UsageError: If it does not take the features of the layer before.
    """
    rest = [str(size) for size in shape[2:]]
    if layer.is_grouped:
        return " ".join(str(size) for size in shape[1:])
    if features is None:
        return " ".join([str(shape[1]), *rest])
    places, left = divmod(shape[1], sizes[features])
    if left or not places or (places > 1 and rest):
        raise UsageError(f'"{layer.name}" takes {shape[1]} features and the layer before it has {sizes[features]}')
    return " ".join([features, *([str(places)] if places > 1 else []), *rest])
