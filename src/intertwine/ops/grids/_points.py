"""Coordinates of the pixels or voxels of a convolution kernel."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor


def kernel_points(kernel_size: int | tuple[int, ...], dimension: int) -> Tensor:
    """The positions of the pixels of a kernel relative to its center, in pixels.

    In the plane x runs to the right, along the last axis, and y up, against the rows; in space x, y and z run along the
    last, the second last and the third last axis. An even kernel has its center between the pixels.

    Args:
        kernel_size: The number of pixels along each axis, or along all.
        dimension: 2 or 3.

    Returns:
        ``(pixels, dimension)``, float64, in the order of the flattened kernel.

    Example:
        >>> kernel_points(3, 2)[:3].tolist()  # the upper row
        [[-1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]
    """
    sizes = (kernel_size,) * dimension if isinstance(kernel_size, int) else kernel_size
    axes = [torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in sizes]
    if dimension == 2:
        axes[0] = -axes[0]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    return grid.reshape(prod(sizes), dimension).flip(-1)
