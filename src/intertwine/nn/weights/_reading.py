"""Layers of a feed-forward network, read off a module or off the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.nn.weights._sine import Sine

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.PReLU,
)
_POINTWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.CELU, nn.Softplus, nn.Mish),
    *(nn.Hardtanh, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, Sine),
)
_PASSED = (
    *(nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.Upsample),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d, nn.ZeroPad2d, nn.ReflectionPad2d),
)
_SKIPPED_KEYS = ("num_batches_tracked",)
ACTIVATIONS = ("relu", "tanh", "sine", "other")


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    Attributes:
        name: The name of its module.
        matrix: The name and shape of the weight that mixes features, output features first; None of a layer that acts
            on each feature.
        vectors: The names of the tensors with one number for each output feature.
        is_grouped: Whether each output feature is of the input feature of the same number.
    """

    name: str
    matrix: tuple[str, tuple[int, ...]] | None
    vectors: dict[str, int] = field(default_factory=dict)
    is_grouped: bool = False


@dataclass(frozen=True)
class Activation:
    """An activation: its kind, one of relu, tanh, sine and other, and the frequency of a sine."""

    kind: str
    frequency: float = 1.0


def layers_of_module(module: nn.Module, pointwise: Sequence[type[nn.Module]] = ()) -> list[Layer | Activation]:
    """The layers of a sequence of modules, and the activations between them.

    Args:
        module: Linear, convolution, norm and pointwise layers in a ``torch.nn.Sequential``, perhaps nested.
        pointwise: Further classes of modules that act on each number alone.

    Raises:
        UsageError: If there is a layer whose symmetries are not known.
    """
    found: list[Layer | Activation] = []
    for name, each in _leaves(module, ""):
        if isinstance(each, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            found.append(_matrix_layer(name, each))
        elif isinstance(each, _NORMS):
            found.append(_norm_layer(name, each))
        elif isinstance(each, (*_POINTWISE, *pointwise)) and not [*each.parameters()]:
            found.append(_activation(each))
        elif not isinstance(each, _PASSED):
            raise UsageError(
                f'layer "{name}" is a {type(each).__name__}: its symmetries are not known. Known are linear, '
                "convolution, norm, pooling and pointwise layers in a torch.nn.Sequential; pointwise=(Class,) adds one"
            )
    return found


def _leaves(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(module, nn.Sequential):
        yield prefix, module
        return
    for name, child in module.named_children():
        yield from _leaves(child, f"{prefix}.{name}" if prefix else name)


def _key(name: str, tensor: str) -> str:
    return f"{name}.{tensor}" if name else tensor


def _matrix_layer(name: str, module: nn.Module) -> Layer:
    weight = module.weight
    assert isinstance(weight, Tensor), "linear and convolution layers have a weight"
    groups = getattr(module, "groups", 1)
    grouped = groups > 1
    if grouped and not groups == module.in_channels == module.out_channels:
        raise UsageError(
            f'layer "{name}" is a convolution in {groups} groups: expected one group, or one for each channel'
        )
    if isinstance(weight, nn.parameter.UninitializedParameter):
        raise UsageError(f'layer "{name}" has no weights yet: run the network once')
    vectors = {} if module.bias is None else {_key(name, "bias"): len(weight)}
    return Layer(name, (_key(name, "weight"), tuple(weight.shape)), vectors, grouped)


def _norm_layer(name: str, module: nn.Module) -> Layer:
    if isinstance(module, nn.GroupNorm) and module.num_groups not in (1, module.num_channels):
        raise UsageError(
            f'layer "{name}" normalizes {module.num_groups} groups of channels, which permutations mix: expected one '
            "group, or one for each channel"
        )
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) != 1:
        raise UsageError(f'layer "{name}" normalizes over several axes: expected the features alone')
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    kept = {key: len(tensor) for key, tensor in tensors.items() if key not in _SKIPPED_KEYS}
    return Layer(name, None, {_key(name, key): size for key, size in kept.items()})


def _activation(module: nn.Module) -> Activation:
    if isinstance(module, Sine):
        return Activation("sine", module.frequency)
    return Activation({nn.ReLU: "relu", nn.LeakyReLU: "relu", nn.Tanh: "tanh"}.get(type(module), "other"))


def layers_of_weights(shapes: Mapping[str, tuple[int, ...]], activation: Activation) -> list[Layer | Activation]:
    """The layers of a feed-forward network by the names and shapes of its weights.

    Args:
        shapes: The shape of each tensor of a state dict, such as ``{"0.weight": (32, 2), "0.bias": (32,)}``.
        activation: What stands between the layers.

    Raises:
        UsageError: If a tensor is not that of a linear, convolution or norm layer.
    """
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    for key in sorted(shapes, key=_natural):
        name, _, tensor = key.rpartition(".")
        if tensor not in _SKIPPED_KEYS:
            modules.setdefault(name, {})[tensor] = tuple(shapes[key])
    found: list[Layer | Activation] = []
    for name, tensors in modules.items():
        vectors = {_key(name, tensor): shape[0] for tensor, shape in tensors.items() if len(shape) == 1}
        wide = {tensor: shape for tensor, shape in tensors.items() if len(shape) > 1}
        if set(wide) - {"weight"} or any(not shape for shape in tensors.values()):
            odd = next(tensor for tensor, shape in tensors.items() if len(shape) != 1 and tensor != "weight")
            raise UsageError(
                f'"{_key(name, odd)}" of shape {tensors[odd]} is not a weight of a linear, convolution or norm layer'
            )
        if not wide:
            found.append(Layer(name, None, vectors))
            continue
        if any(isinstance(each, Layer) and each.matrix is not None for each in found):
            found.append(activation)
        found.append(Layer(name, (_key(name, "weight"), wide["weight"]), vectors))
    return found


def _natural(key: str) -> list[tuple[int, int, str]]:
    """Names in their order, numbers in them by value."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", key) if part]
