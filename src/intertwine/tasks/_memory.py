"""Examples that the caller holds in memory: one or a list of them, as tensors, arrays or objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError


def as_list(data: Any) -> list[Any]:
    """The examples: those of a list or tuple, of a tensor or array (B, N, 3), or the one that is given.

    >>> len(as_list(np.zeros((5, 3)))), len(as_list([np.zeros((5, 3))] * 2)), len(as_list(np.zeros((4, 5, 3))))
    (1, 2, 4)
    """
    several = isinstance(data, list | tuple) or getattr(data, "ndim", 2) == 3
    return list(data) if several else [data]


def field_list(values: Any, examples: list[Any], name: str) -> list[Any]:
    """What belongs to each example, or None for each where it is not given.

    Raises:
        UsageError: There are more or fewer than examples.
    """
    if values is None:
        return [None] * len(examples)
    parts = list(values) if isinstance(values, list | tuple) else [values]
    if len(examples) != len(parts):
        parts = list(values)
    if len(examples) != len(parts):
        raise UsageError(f"{name} must be given for each example: there are {len(examples)}, got {len(parts)}")
    return parts


def as_array(values: Any, name: str) -> npt.NDArray[np.float64]:
    """Numbers as a float64 array on the CPU.

    Raises:
        UsageError: They are not numbers.
    """
    try:
        values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers, got {type(values).__name__}: {error}") from error


def refuse_fields(fields: dict[str, Any], *known: str) -> None:
    """Raise if something is given that the model does not take.

    Raises:
        UsageError: It is named.
    """
    if fields:
        raise UsageError(f"no field {', '.join(map(repr, fields))} of an example; known: {', '.join(known)}")
