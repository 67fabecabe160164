"""How far two outputs are apart, and what the worst of many distances is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor

from intertwine.actions import Motion


def tree_map(change: Callable[[Tensor], Tensor], data: Any) -> Any:
    """The same tuples, lists and dicts, with every tensor changed."""
    if isinstance(data, Tensor):
        return change(data)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(tree_map(change, part) for part in data))
    if isinstance(data, tuple | list):
        return type(data)(tree_map(change, part) for part in data)
    if isinstance(data, Mapping):
        return {key: tree_map(change, part) for key, part in data.items()}
    return data


def cast(data: Any, dtype: torch.dtype, device: torch.device | str | None = None) -> Any:
    """A copy with floating tensors in another dtype; integers stay integers."""

    def change(tensor: Tensor) -> Tensor:
        real = dtype if tensor.is_floating_point() else tensor.dtype
        if tensor.is_complex():
            real = dtype.to_complex()
        return tensor.detach().to(device=device, dtype=real, copy=True)

    return tree_map(change, data)


def _values(data: Any) -> Iterator[Tensor]:
    if isinstance(data, Tensor):
        if data.is_floating_point() or data.is_complex():
            yield data
    elif isinstance(data, Mapping):
        for key in sorted(data):
            yield from _values(data[key])
    elif isinstance(data, tuple | list):
        for part in data:
            yield from _values(part)


def same_shapes(left: Any, right: Any) -> bool:
    """Whether two outputs have floating tensors of the same shapes."""
    return [x.shape for x in _values(left)] == [x.shape for x in _values(right)]


@dataclass(frozen=True)
class Distance:
    """||a - b|| / ||b||, and whether that number means anything."""

    error: float
    finite: bool
    zero: bool


def distance(actual: Any, expected: Any) -> Distance:
    """The relative error of an output: the largest over its floating tensors, each in the norm over the whole tensor.

        ||f(g x) - g f(x)|| / ||g f(x)||

    Where the denominator is zero, ||f(g x)|| takes its place: both zero is no error, one of them zero is an error of 1.

    Args:
        actual: f(g x), a tensor or a tree of them.
        expected: g f(x), of the same structure.

    Returns:
        The distance; infinite when a number is not finite.

    Raises:
        ValueError: If the structures or the shapes differ.
        TypeError: If there is no floating tensor in the output.
    """
    left, right = list(_values(actual)), list(_values(expected))
    if not left and not right:
        got = actual.dtype if isinstance(actual, Tensor) else type(actual).__name__
        raise TypeError(f"expected a floating tensor, or a tuple, list or dict of them, as output, got {got}")
    if not same_shapes(actual, expected):
        raise ValueError(
            f"the output changes its shape with its input: {[tuple(x.shape) for x in right]} as given, "
            f"{[tuple(x.shape) for x in left]} when moved"
        )
    error, zero = 0.0, True
    for a, b in zip(left, right, strict=True):
        if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
            return Distance(inf, finite=False, zero=False)
        norms = float(torch.linalg.vector_norm(b)), float(torch.linalg.vector_norm(a))
        scale = norms[0] or norms[1]
        if scale > 0:
            zero = False
            error = max(error, float(torch.linalg.vector_norm(a - b)) / scale)
    return Distance(error, finite=True, zero=zero)


@dataclass
class Tally:
    """The distances of one layer under one law: the worst, the mean, and whether they prove anything."""

    worst: float = -1.0
    motion: Motion | None = None
    total: float = 0.0
    count: int = 0
    finite: bool = True
    zero: bool = True

    def add(self, distance: Distance, motion: Motion) -> None:
        """Count one more element."""
        if distance.error > self.worst:
            self.worst, self.motion = distance.error, motion
        self.total += distance.error
        self.count += 1
        self.finite &= distance.finite
        self.zero &= distance.zero

    @property
    def mean(self) -> float:
        """The mean error."""
        return self.total / self.count
