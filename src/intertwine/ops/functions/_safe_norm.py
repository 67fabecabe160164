"""Norm and direction of vectors, with gradient zero at the zero vector."""

from __future__ import annotations

from torch import Tensor

from intertwine.ops._scaled_vectors import scale_vectors


def safe_norm(vectors: Tensor, dim: int = -1) -> Tensor:
    """Euclidean norm; where the vector is zero the gradient is zero.

    Right for vectors of every length down to the smallest normal number, with their gradients.

    Args:
        vectors: Any shape.
        dim: The axis of the components, which is reduced.

    Returns:
        The shape of ``vectors`` without that axis.

    Example:
        >>> import torch
        >>> safe_norm(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])).tolist()
        [5.0, 0.0]
    """
    return scale_vectors(vectors, dim).norm().squeeze(dim)


def safe_normalize(vectors: Tensor) -> Tensor:
    """Vectors divided by their norm; zero stays zero and has gradient zero.

    Right for vectors of every length down to the smallest normal number, with their gradients.

    Args:
        vectors: ``(..., 3)``.

    Returns:
        ``(..., 3)``.

    Example:
        >>> import torch
        >>> safe_normalize(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])).tolist()[1]
        [0.0, 0.0, 0.0]
    """
    _, scaled, squared = scale_vectors(vectors)
    return scaled * squared.rsqrt()
