"""Between our layout of vector features and that of the vector neurons' code, `[B, C, 3, N, ...]`."""

from __future__ import annotations

from torch import Tensor


def to_vector_layout(features: Tensor, width: int = 3) -> Tensor:
    """``(B, N, ..., C * width)`` to ``(B, C, width, N, ...)``: a view, as :func:`from_vector_layout` reads it back.

    Args:
        features: Copies of a vector on the last axis, copies outermost.
        width: Components of a vector.

    Raises:
        ValueError: If there is no batch axis, or the last axis holds no whole vectors.

    Example:
        >>> import torch
        >>> to_vector_layout(torch.ones(8, 512, 21 * 3)).shape  # 8 clouds of 512 points
        torch.Size([8, 21, 3, 512])
    """
    if features.ndim < 2 or features.shape[-1] % width:
        raise ValueError(f"expected features (B, ..., C * {width}), got {tuple(features.shape)}")
    neurons: Tensor = features.unflatten(-1, (-1, width)).movedim((-2, -1), (1, 2))
    return neurons


def from_vector_layout(neurons: Tensor) -> Tensor:
    """``(B, C, width, N, ...)`` to ``(B, N, ..., C * width)``.

    Raises:
        ValueError: If there are less than three axes.

    Example:
        >>> import torch
        >>> from_vector_layout(torch.ones(8, 21, 3, 512)).shape
        torch.Size([8, 512, 63])
    """
    if neurons.ndim < 3:
        raise ValueError(f"expected vector neurons (B, C, width, ...), got {tuple(neurons.shape)}")
    return neurons.movedim((1, 2), (-2, -1)).flatten(-2)
