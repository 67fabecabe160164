"""Filters as functions of points, and as arrays of pixels or voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.grids import kernel_points


class Filter(Protocol):
    """A filter: a function of points ``(..., dimension)`` with values ``(...)``."""

    def __call__(self, points: Tensor) -> Tensor:
        """The values at points."""
        ...


@dataclass(frozen=True, eq=False)
class SampledFilter:
    """A filter given by its pixels or voxels, with cubic splines between them and zero outside.

    Attributes:
        pixels: ``(height, width)`` or ``(depth, height, width)``; x, y and z as in `kernel_points`.

    Example:
        >>> SampledFilter(torch.eye(5))(torch.tensor([[1.0, -1.0], [1.0, 1.0]])).round().abs().tolist()
        [1.0, 0.0]
    """

    pixels: Tensor

    def __post_init__(self) -> None:
        if self.pixels.ndim not in (2, 3):
            raise UsageError(f"expected the pixels of a filter in 2 or 3 dimensions, got {tuple(self.pixels.shape)}")

    @property
    def dimension(self) -> int:
        """2 in the plane, 3 in space."""
        return self.pixels.ndim

    @property
    def extent(self) -> float:
        """The radius of the largest disc or ball within the pixels."""
        return (min(self.pixels.shape) - 1) / 2

    def __call__(self, points: Tensor) -> Tensor:
        """The values at points ``(..., dimension)``, in pixels from the center."""
        from scipy.ndimage import map_coordinates

        axes = points.flip(-1).to(torch.float64)
        if self.dimension == 2:
            axes = axes * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        center = (torch.tensor(self.pixels.shape, dtype=torch.float64) - 1) / 2
        places = (axes + center).reshape(-1, self.dimension).T
        values = map_coordinates(self.pixels.to(torch.float64).numpy(), places.numpy(), order=3, mode="constant")
        return torch.from_numpy(values).reshape(points.shape[:-1]).to(points.dtype)


def filter_kernels(function: Filter, rotations: Tensor, kernel_size: int, spacing: float = 1.0) -> Tensor:
    """Convolution kernels of a filter and its rotated copies, ``f^g(x) = f(g^-1 x)`` at the pixels.

    Args:
        function: The filter.
        rotations: g, ``(..., dimension, dimension)``, in 2 or 3 dimensions.
        kernel_size: Pixels along each axis.
        spacing: The distance of two pixels, in the units of the filter.

    Returns:
        ``(..., kernel_size, kernel_size)`` or ``(..., kernel_size, kernel_size, kernel_size)``, float64.

    Example:
        >>> from intertwine.ops.filters import gaussian_derivative
        >>> filter_kernels(gaussian_derivative(1), torch.eye(2), 9, 0.67).shape
        torch.Size([9, 9])
    """
    dimension = rotations.shape[-1]
    points = spacing * kernel_points(kernel_size, dimension)
    values = function(points @ rotations.to(torch.float64))
    return values.reshape(*rotations.shape[:-2], *(kernel_size,) * dimension)
