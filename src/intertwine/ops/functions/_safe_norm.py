"""Norm and direction of vectors, with gradient zero at the zero vector."""

from __future__ import annotations

import torch
from torch import Tensor


def safe_norm(vectors: Tensor, dim: int = -1) -> Tensor:
    """Euclidean norm; where the vector is zero the gradient is zero.

    Args:
        vectors: Any shape.
        dim: The axis of the components, which is reduced.

    Returns:
        The shape of ``vectors`` without that axis.

    Example:
        >>> safe_norm(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])).tolist()
        [5.0, 0.0]
    """
    squared = vectors.square().sum(dim)
    zero = squared == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squared).sqrt())


def safe_normalize(vectors: Tensor) -> Tensor:
    """Vectors divided by their norm; zero stays zero and has gradient zero.

    Args:
        vectors: ``(..., 3)``.

    Returns:
        ``(..., 3)``.

    Example:
        >>> safe_normalize(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])).tolist()[1]
        [0.0, 0.0, 0.0]
    """
    squared = vectors.square().sum(-1, keepdim=True)
    zero = squared == 0
    return vectors * torch.where(zero, 0.0, torch.where(zero, 1.0, squared).rsqrt())
