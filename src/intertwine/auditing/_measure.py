"""Relative distances between outputs, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor

from intertwine.actions import Action


def tree_map(change: Callable[[Tensor], Tensor], data: Any) -> Any:
    """Apply a function to every tensor of a tree of tuples, lists and dicts."""
    if isinstance(data, Tensor):
        return change(data)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(tree_map(change, part) for part in data))
    if isinstance(data, tuple | list):
        return type(data)(tree_map(change, part) for part in data)
    if isinstance(data, Mapping):
        return {key: tree_map(change, part) for key, part in data.items()}
    return data


def convert(data: Any, dtype: torch.dtype, device: torch.device | str | None = None) -> Any:
    """Cast floating tensors to another dtype, differentiably; integers stay integers."""

    def change(tensor: Tensor) -> Tensor:
        real = dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(device=device, dtype=dtype.to_complex() if tensor.is_complex() else real)

    return tree_map(change, data)


def cast(data: Any, dtype: torch.dtype, device: torch.device | str | None = None) -> Any:
    """A detached copy with floating tensors in another dtype; integers stay integers."""
    return tree_map(lambda tensor: tensor.clone(), convert(tree_map(Tensor.detach, data), dtype, device))


def floats(data: Any) -> Iterator[Tensor]:
    """The floating and complex tensors of a tree, in a fixed order."""
    if isinstance(data, Tensor):
        if data.is_floating_point() or data.is_complex():
            yield data
    elif isinstance(data, Mapping):
        for key in sorted(data, key=str):
            yield from floats(data[key])
    elif isinstance(data, tuple | list):
        for part in data:
            yield from floats(part)


def same_shapes(left: Any, right: Any) -> bool:
    """Whether two outputs have floating tensors of the same shapes."""
    return [x.shape for x in floats(left)] == [x.shape for x in floats(right)]


def rounding(dtype: torch.dtype) -> float:
    """The rounding error of an irrep that is allowed, relative to the norm of the tensor that it is a slice of."""
    return 1e-12 if dtype == torch.float64 else 64 * torch.finfo(dtype).eps


@dataclass(frozen=True)
class Distance:
    """Relative distance ||a - b|| / ||b||.

    Attributes:
        whole: The largest relative error of a tensor.
        finite: Whether all numbers are finite.
        zero: Whether both are zero.
        components: The relative error of each component.
    """

    whole: float
    finite: bool = True
    zero: bool = False
    components: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """The largest relative error of all tensors and components."""
        return max(self.whole, *self.components.values()) if self.components else self.whole

    def __add__(self, other: Distance) -> Distance:
        components = {name: error + other.components.get(name, 0.0) for name, error in self.components.items()}
        return Distance(self.whole + other.whole, self.finite and other.finite, self.zero and other.zero, components)

    def beyond(self, control: Distance) -> Distance:
        """The excess of this distance over that of the control."""
        if not self.finite:
            return self
        components = {
            name: max(0.0, error - control.components.get(name, 0.0)) for name, error in self.components.items()
        }
        return Distance(max(0.0, self.whole - control.whole), True, self.zero, components)


def distance(actual: Any, expected: Any, action: Action | None = None, slack: float = 0.0) -> Distance:
    """The relative error of an output: the largest over its floating tensors, each in the norm over the whole tensor.

        ||f(g x) - g f(x)|| / ||g f(x)||

    Where the denominator is zero, ||f(g x)|| takes its place: both zero is no error, one of them zero is an error of 1.
    The components of the action, such as irreps, are measured by the same formula, each by its own norm, less the
    rounding error of the tensor that they are a slice of, ``slack`` times its norm.

    Args:
        actual: f(g x), a tensor or a tree of them.
        expected: g f(x), of the same structure.
        action: Defines the compared region and the components.
        slack: See :func:`rounding`.

    Returns:
        The distance; infinite when a number is not finite.

    Raises:
        ValueError: If the structures or the shapes differ.
        TypeError: If there is no floating tensor in the output.
    """
    if action is not None:
        actual, expected = action.compared_region(actual), action.compared_region(expected)
    left, right = list(floats(actual)), list(floats(expected))
    if not left and not right:
        got = actual.dtype if isinstance(actual, Tensor) else type(actual).__name__
        raise TypeError(f"expected a floating tensor, or a tuple, list or dict of them, as output, got {got}")
    if not same_shapes(actual, expected):
        raise ValueError(
            f"the shape of the output depends on the group element: {[tuple(x.shape) for x in right]} for x, "
            f"{[tuple(x.shape) for x in left]} for g x"
        )
    if not all(_is_finite(x) for x in (*left, *right)):
        return Distance(inf, finite=False)
    if action is not None:
        actual = action.matched(actual, expected)
        left = list(floats(actual))
    error, zero = 0.0, True
    for a, b in zip(left, right, strict=True):
        scale = _norm(b) or _norm(a)
        if scale > 0:
            zero = False
            error = max(error, _norm(a - b) / scale)
    return Distance(error, zero=zero, components={} if action is None else _components(action, actual, expected, slack))


def _components(action: Action, actual: Any, expected: Any, slack: float) -> dict[str, float]:
    errors, sizes = {}, _Norms()
    for a, b in zip(action.components(actual), action.components(expected), strict=True):
        allowed = slack * sizes(b.whole)
        scale = max(_norm(b.values) or _norm(a.values), allowed)
        errors[b.name] = max(0.0, _norm(a.values - b.values) - allowed) / scale if scale > 0 else 0.0
    return errors if len(errors) > 1 else {}


def _norm(tensor: Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor))


def _is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite: they are where their norm is, which may also overflow."""
    return isfinite(_norm(tensor)) or bool(torch.isfinite(tensor).all())


class _Norms:
    """Norms of tensors, each computed once: components share the tensor that they are slices of."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Tensor, float]] = {}

    def __call__(self, tensor: Tensor) -> float:
        if id(tensor) not in self._found:
            self._found[id(tensor)] = tensor, _norm(tensor)
        return self._found[id(tensor)][1]


@dataclass
class ErrorStats:
    """Statistics of the distances of one layer under one law: maximum, mean, worst element."""

    worst: float = -1.0
    transform: Any = None
    total: float = 0.0
    count: int = 0
    finite: bool = True
    zero: bool = True
    control: float = 0.0
    components: dict[str, float] = field(default_factory=dict)

    def add(self, found: Distance, transform: Any, control: float = 0.0) -> None:
        """Add the distance of one more element."""
        if found.error > self.worst:
            self.worst, self.transform = found.error, transform
        self.total += found.error
        self.count += 1
        self.finite &= found.finite
        self.zero &= found.zero
        self.control = max(self.control, control)
        for name, error in found.components.items():
            self.components[name] = max(error, self.components.get(name, 0.0))

    @property
    def mean(self) -> float:
        """The mean error."""
        return self.total / self.count
