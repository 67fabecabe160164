"""Batch normalization of scalar channels that also accepts a single row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.nn.norm import is_distributed, synchronized_batch_norm


class ScalarBatchNorm(nn.BatchNorm1d):
    """Batch normalization of rows of scalars, :class:`torch.nn.BatchNorm1d` except for single rows.

    Statistics are those of the batch of all processes. A single row has no batch statistics: it is normalized by the
    running statistics, in training as well.
    :class:`intertwine.nn.BatchNorm` normalizes any representation equivariantly.

    Args:
        channels: Number of scalars in a row.
        eps: Added to the variance. Choose it small where activations start small.
        momentum: Weight of a new batch in the running statistics.

    Example:
        >>> ScalarBatchNorm(2)(torch.ones(1, 2)).shape
        torch.Size([1, 2])
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, dtype=torch.float32)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``(N, channels)``."""
        if self.training and is_distributed():
            return synchronized_batch_norm(self, input)
        if self.training and input.shape[0] > 1:
            return super().forward(input)
        assert self.running_mean is not None, "running statistics are always tracked"
        assert self.running_var is not None, "running statistics are always tracked"
        # Not torch's function: it branches on whether there are rows, which an exported program cannot.
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return (input - self.running_mean) * scale + self.bias
