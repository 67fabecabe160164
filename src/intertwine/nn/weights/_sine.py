"""Sine activation of implicit neural representations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Sine(nn.Module):
    """Sine activation, y = sin(frequency x).

    Args:
        frequency: The factor in the sine, 30 in the paper.

    Reference: Sitzmann et al., Implicit Neural Representations with Periodic Activation Functions, NeurIPS 2020.

    Example:
        >>> Sine(1.0)(torch.zeros(2)).tolist()
        [0.0, 0.0]
    """

    def __init__(self, frequency: float = 30.0) -> None:
        super().__init__()
        self.frequency = frequency

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return torch.sin(self.frequency * x)

    def extra_repr(self) -> str:
        """The frequency."""
        return f"frequency={self.frequency:g}"
