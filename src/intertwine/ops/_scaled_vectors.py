"""Vectors times a power of two, so that squares of their components neither underflow nor overflow."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ScaledVectors(NamedTuple):
    """Vectors v times a power of two f, ``w = f v``.

    The largest component of w is between 1/2 and 1, and multiplying by the factor is exact. The factor is a constant: a
    result in which it cancels has the right derivatives of every order. Vectors shorter than the smallest normal number
    count as zero, since their inverse overflows.

    Attributes:
        factor: f, 0 for zero vectors; the axis of the components is kept with size 1.
        scaled: w.
        squared: |w|^2, but 1 for zero, in the shape of the factor.
    """

    factor: Tensor
    scaled: Tensor
    squared: Tensor

    def norm(self) -> Tensor:
        """|v| in the shape of the factor, with gradient zero at zero."""
        is_zero = self.factor == 0
        return self.squared.sqrt() * torch.where(is_zero, 0.0, torch.where(is_zero, 1.0, self.factor).reciprocal())


def scale_vectors(vectors: Tensor, dim: int = -1) -> ScaledVectors:
    """Multiply vectors by powers of two that bring their squares into the range of the dtype.

    Args:
        vectors: Any shape.
        dim: The axis of the components.

    Returns:
        The scaled vectors.
    """
    size, zero = _size(vectors, dim)
    wide = size.float() if size.dtype == torch.bfloat16 else size  # which frexp does not take
    factor = torch.where(zero, 0.0, torch.frexp(wide).mantissa / wide).to(size.dtype)
    scaled = vectors * factor
    return ScaledVectors(factor, scaled, scaled.square().sum(dim, keepdim=True) + zero)


def is_zero(vectors: Tensor, dim: int = -1) -> Tensor:
    """Whether vectors have no direction; the axis of the components is kept with size 1."""
    return _size(vectors, dim)[1]


def _size(vectors: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    size = vectors.detach().abs().amax(dim, keepdim=True)
    return size, size < torch.finfo(size.dtype).tiny
