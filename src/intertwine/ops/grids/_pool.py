"""Coarser and finer grids of images and volumes, symmetric about the center."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gaussian_pool(images: Tensor, stride: int, sigma: float, dimension: int) -> Tensor:
    """Smooth with a Gaussian and keep every ``stride``-th pixel, symmetric about the center of the image.

    The outputs lie at multiples of the stride from the center, on it where the number of outputs is odd and half a
    stride beside it where it is even: a size N has ``ceil(N / stride)`` outputs for every N. So the grid of the outputs
    has the symmetries of that of the inputs. The Gaussian is separable and, unlike any other separable filter,
    isotropic. Outside of the image values are not counted.

    Args:
        images: ``(..., [depth,] height, width)``.
        stride: The ratio of the resolutions.
        sigma: The width of the Gaussian, in pixels of the input.
        dimension: 2 for images, 3 for volumes.

    Returns:
        The same number of axes, of the dtype of the images.

    Law: commutes with rotations by 90 degrees and reflections of the grid exactly, with other rotations of smooth
    images up to aliasing.

    Cost: one product with a matrix ``(N / stride, N)`` along each axis.

    Example:
        >>> gaussian_pool(torch.ones(1, 1, 28, 7), 2, 0.7, 2).shape
        torch.Size([1, 1, 14, 4])
    """
    for axis in range(dimension):
        images = (images.transpose(-1, -1 - axis) @ _matrix(images, -1 - axis, stride, sigma)).transpose(-1, -1 - axis)
    return images


def linear_upsample(images: Tensor, sizes: Sequence[int], stride: int, dimension: int) -> Tensor:
    """Linear interpolation from the grid that :func:`gaussian_pool` makes back to a finer one.

    Args:
        images: ``(..., [depth,] height, width)``, with values at multiples of the stride from the center.
        sizes: The numbers of pixels along each axis of the finer grid.
        stride: The ratio of the resolutions.
        dimension: 2 for images, 3 for volumes.

    Returns:
        The same number of axes. Beyond the outermost values the image is constant.

    Law: that of :func:`gaussian_pool`.

    Example:
        >>> linear_upsample(torch.tensor([[[1.0, 3.0]]]), (1, 4), 2, 2).flatten().tolist()
        [1.0, 1.5, 2.5, 3.0]
    """
    for axis in range(dimension):
        matrix = _interpolation(images, -1 - axis, sizes[dimension - 1 - axis], stride)
        images = (images.transpose(-1, -1 - axis) @ matrix).transpose(-1, -1 - axis)
    return images


def _interpolation(images: Tensor, axis: int, size: int, stride: int) -> Tensor:
    """The weights ``(N, N')`` of linear interpolation."""
    coarse = images.shape[axis]
    places = stride * (images.new_ones(coarse, dtype=torch.float64).cumsum(0) - (coarse + 1) / 2)
    finer = images.new_ones(size, dtype=torch.float64).cumsum(0) - (size + 1) / 2
    inside = torch.minimum(torch.maximum(finer, places[0]), places[-1])
    weights = (1 - (places[:, None] - inside).abs() / stride).relu()
    return weights.to(images.dtype)


def _matrix(images: Tensor, axis: int, stride: int, sigma: float) -> Tensor:
    """The weights ``(N, N')``: by arithmetic of tensors alone, so that a traced program serves all sizes."""
    size = images.shape[axis]
    places = images.new_ones(size, dtype=torch.float64).cumsum(0) - (size + 1) / 2
    centers = places[::stride] - places[::stride].mean()
    weights = torch.exp(-(places[:, None] - centers).square() / (2 * sigma**2))
    return (weights / weights.sum(0)).to(images.dtype)
