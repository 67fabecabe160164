"""Inputs of modules under test: examples, casts, degenerate cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from intertwine.actions import as_action
from intertwine.testing._assert_equivariant import declared_action

Inputs = tuple[Any, ...]

_FIRST_POINTS = {"one point": 1, "no points": 0}
DEGENERATE = ("zeros", *_FIRST_POINTS)
"""Kinds of degenerate inputs: zero vectors at coincident points, a single point without edges, an empty point cloud."""


def example_inputs(module: nn.Module, seed: int = 0) -> Inputs:
    """Example of the declared input action in float32, as positional arguments.

    Args:
        module: Declares ``action_in`` or ``rep_in``.
        seed: Random seed.

    Raises:
        TypeError: If it declares neither, or the action has no example.
    """
    action = as_action(declared_action(module, "in"))
    data = action.example(torch.Generator().manual_seed(seed), torch.float32)
    if isinstance(data, Mapping):
        raise TypeError(f"{type(module).__name__} takes keyword arguments: test a wrapper with positional arguments")
    return data if isinstance(data, tuple) else (data,)


def floats(data: Any) -> Iterator[Tensor]:
    """The floating tensors of an input or output."""
    if isinstance(data, Tensor):
        if data.is_floating_point():
            yield data
    elif isinstance(data, Mapping):
        yield from floats(tuple(data.values()))
    elif isinstance(data, tuple | list):
        for entry in data:
            yield from floats(entry)


def map_floats(change: Callable[[Tensor], Tensor], data: Any) -> Any:
    """The same tuples, lists and dicts, with a function applied to each floating tensor."""
    if isinstance(data, Tensor):
        return change(data) if data.is_floating_point() else data
    if isinstance(data, Mapping):
        return {key: map_floats(change, entry) for key, entry in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(map_floats(change, entry) for entry in data))
    if isinstance(data, tuple | list):
        return type(data)(map_floats(change, entry) for entry in data)
    return data


def dynamic_shapes(inputs: Inputs) -> tuple[Any, ...]:
    """For ``torch.export``: which axes count points or edges, and which numbers count structures; any number of them.

    Args:
        inputs: As for :func:`degenerate_inputs`; integers count structures.

    Returns:
        One entry for each input.
    """
    points = _num_points(inputs)
    edges = next((entry.shape[1] for entry in inputs if _is_edges(entry, points)), None)

    def axes(entry: Any) -> Any:
        if isinstance(entry, int) and not isinstance(entry, bool):
            return Dim.DYNAMIC
        if not isinstance(entry, Tensor):
            return None
        if _is_edges(entry, points):
            return {1: Dim.DYNAMIC}
        return {0: Dim.DYNAMIC} if entry.ndim and entry.shape[0] in (points, edges) else {}

    return tuple(axes(entry) for entry in inputs)


def resize(inputs: Inputs) -> Inputs:
    """Two thirds of the points, with the edges between them, and one structure more, which is empty."""
    fewer = _restrict(inputs, max(2 * _num_points(inputs) // 3, 2))
    return tuple(x + 1 if isinstance(x, int) and not isinstance(x, bool) else x for x in fewer)


def one_structure(inputs: Inputs) -> Inputs:
    """All points in one structure; the same inputs where nothing counts structures."""
    if not any(isinstance(x, int) and not isinstance(x, bool) for x in inputs):
        return inputs
    points = _num_points(inputs)

    def alone(entry: Any) -> Any:
        if isinstance(entry, int) and not isinstance(entry, bool):
            return 1
        of_points = isinstance(entry, Tensor) and entry.dtype == torch.int64 and entry.shape == (points,)
        return torch.zeros_like(entry) if of_points else entry

    return tuple(map(alone, inputs))


def degenerate_inputs(inputs: Inputs, kind: str) -> Inputs:
    """Degenerate inputs of the same structure, in float64.

    Args:
        inputs: Tensors whose first axis counts points (or samples), among them perhaps edges ``(2, E)`` int64 and
            tensors with a row for each edge.
        kind: One of ``DEGENERATE``.

    Returns:
        The inputs with all floating tensors zero, or restricted to the first point, or to none.
    """
    inputs = map_floats(Tensor.double, inputs)
    if kind == "zeros":
        zeros: Inputs = map_floats(torch.zeros_like, inputs)
        return zeros
    return _restrict(inputs, _FIRST_POINTS[kind])


def _num_points(inputs: Inputs) -> int:
    return len(inputs[0] if isinstance(inputs[0], Tensor) else inputs[1])


def _restrict(inputs: Inputs, count: int) -> Inputs:
    """The first ``count`` points, with the edges between them."""
    points = _num_points(inputs)
    edges = next((entry for entry in inputs if _is_edges(entry, points)), None)
    inside = None if edges is None else (edges < count).all(0)

    def restrict(entry: Any) -> Any:
        if not isinstance(entry, Tensor) or entry.ndim == 0:
            return entry
        if len(entry) == points:
            return entry[:count]
        if inside is not None:
            return (
                entry[:, inside] if _is_edges(entry, points) else entry[inside] if len(entry) == len(inside) else entry
            )
        return entry

    return tuple(restrict(entry) for entry in inputs)


def _is_edges(entry: Any, points: int) -> bool:
    is_index = isinstance(entry, Tensor) and entry.dtype == torch.int64
    return is_index and entry.ndim == 2 and len(entry) == 2 and points != 2
