"""Constant tensors of a layer, exact in every dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class Constant(nn.Module):
    """A buffer kept in float64 and cast last: after ``layer.float().double()`` it is exact again.

    It moves with its module and is not in the state dict.

    Args:
        exact: The tensor in float64.

    Example:
        >>> third = Constant(torch.tensor(1 / 3, dtype=torch.float64))
        >>> float(third.value), float(third.float().double().value) == 1 / 3
        (0.3333333432674408, True)
    """

    value: Tensor

    def __init__(self, exact: Tensor) -> None:
        super().__init__()
        self._exact = exact.detach().to("cpu", torch.float64)
        self.register_buffer("value", self._exact.to(torch.float32), persistent=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if not self.value.is_meta:
            self.value = self._exact.to(self.value)
        return self

    def forward(self) -> Tensor:
        """The tensor in the module's dtype, on its device."""
        return self.value
