"""Examples that the caller holds in memory: one or a list of them, as tensors, arrays or objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError


def as_examples(data: Any, **fields: Any) -> list[tuple[Any, ...]]:
    """Each example with what belongs to it: several of a list or tuple, or of a tensor (B, N, 3); else one.

    Args:
        data: One example or several.
        fields: What belongs to it, or to each of them; None for nothing.

    Raises:
        UsageError: There are more or fewer of a field than examples.

    >>> x = np.zeros((5, 3))
    >>> len(as_examples(x, numbers=[1] * 5)), len(as_examples([x, x])), len(as_examples(np.zeros((4, 5, 3))))
    (1, 2, 4)
    """
    if not isinstance(data, list | tuple) and getattr(data, "ndim", 2) != 3:
        return [(data, *fields.values())]
    examples, columns = list(data), []
    for name, values in fields.items():
        column = [None] * len(examples) if values is None else list(values)
        if len(column) != len(examples):
            raise UsageError(f"{name} must be given for each of {len(examples)} examples, got {len(column)}")
        columns.append(column)
    return list(zip(examples, *columns, strict=True))


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
