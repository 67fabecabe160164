"""Components of data whose errors are measured separately, such as the irreps of a feature."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Component(NamedTuple):
    """A component of the data whose error is measured by its own norm: one irrep, one entry of a dict.

    Attributes:
        name: Such as "1o" or "forces 1o".
        values: The component.
        whole: The tensor that it is a slice of, whose rounding it shares.
    """

    name: str
    values: Tensor
    whole: Tensor
