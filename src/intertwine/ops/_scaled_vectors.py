"""Vectors divided by their largest component, so that squares neither underflow nor overflow."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ScaledVectors(NamedTuple):
    """Vectors v as a size s times scaled vectors, v = s w.

    The size is a constant: a result in which it cancels has the right derivatives of every order. Vectors shorter than
    the smallest normal number count as zero, since their inverse overflows.

    Attributes:
        size: The largest component, 0 for zero; the axis of the components is kept with size 1.
        scaled: w, 0 for zero.
        squared: |w|^2 between 1 and the number of components, but 1 for zero, in the shape of the size.
    """

    size: Tensor
    scaled: Tensor
    squared: Tensor

    @property
    def divisor(self) -> Tensor:
        """The size, infinite for zero."""
        return torch.where(self.size == 0, torch.inf, self.size)


def scale_vectors(vectors: Tensor, dim: int = -1) -> ScaledVectors:
    """Divide vectors by their largest component.

    Args:
        vectors: Any shape.
        dim: The axis of the components.

    Returns:
        The scaled vectors.
    """
    size, zero = _size(vectors, dim)
    scaled = vectors / torch.where(zero, torch.inf, size)
    return ScaledVectors(torch.where(zero, 0.0, size), scaled, scaled.square().sum(dim, keepdim=True) + zero)


def is_zero(vectors: Tensor, dim: int = -1) -> Tensor:
    """Whether vectors have no direction; the axis of the components is kept with size 1."""
    return _size(vectors, dim)[1]


def _size(vectors: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    size = vectors.detach().abs().amax(dim, keepdim=True)
    return size, size < torch.finfo(size.dtype).tiny
