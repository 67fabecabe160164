"""Tensors as lists of numbers in JSON, rounded to six digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError


def numbers_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass, numbers and tensors, as numbers and lists rounded to six digits."""
    return {each.name: rounded(getattr(record, each.name)) for each in fields(record)}


def rounded(values: Any) -> Any:
    """A number, or lists of them, or those of a tensor, rounded to six digits.

    >>> rounded([1 / 3, [2.0]])
    [0.333333, [2.0]]
    """
    values = values.tolist() if isinstance(values, Tensor) else values
    return [rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.6g}")


def tensors_of(numbers: Mapping[str, Any], names: Sequence[str], what: str) -> list[Tensor]:
    """The float64 tensors of lists by name.

    Args:
        numbers: Lists, as JSON has them.
        names: Of those that are wanted.
        what: What they are the numbers of, for errors.

    Raises:
        UsageError: One is missing, or is not a table of numbers.
    """
    try:
        return [torch.tensor(numbers[name], dtype=torch.float64) for name in names]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{what} expects lists of numbers {', '.join(names)}: {error}") from error
