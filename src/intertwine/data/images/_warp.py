"""Warps of images by bilinear interpolation: rotations, affine maps, elastic displacements."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def rotate_images(images: Tensor, degrees: Tensor | float, fill: Tensor | None = None) -> Tensor:
    """Images rotated counterclockwise about their centers; exact for multiples of 90 degrees of square images.

    Args:
        images: ``(B, C, H, W)``, floating-point.
        degrees: ``(B,)``, or one angle for all.
        fill: ``(C,)``, the color outside of the images; zero if None.

    >>> rotate_images(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 90.0).tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """
    if not isinstance(degrees, Tensor):
        if degrees % 90 == 0 and images.shape[-1] == images.shape[-2]:
            return torch.rot90(images, round(degrees / 90) % 4, (-2, -1))
        degrees = torch.full((len(images),), float(degrees), dtype=torch.float64)
    angle = degrees.to(torch.float64) * (math.pi / 180)
    rows = (torch.stack((angle.cos(), -angle.sin()), 1), torch.stack((angle.sin(), angle.cos()), 1))
    return warp_images(images, torch.stack(rows, 1), fill=fill)


def warp_images(
    images: Tensor,
    matrices: Tensor,
    shifts: Tensor | None = None,
    displacement: Tensor | None = None,
    fill: Tensor | None = None,
    *,
    nearest: bool = False,
) -> Tensor:
    """Images moved by affine maps ``f(x) -> f(A^-1 (x - t) + u(x))``, x to the right, y up, the origin in the center.

    Args:
        images: ``(B, C, H, W)``, floating-point.
        matrices: ``(B, 2, 2)``, A.
        shifts: ``(B, 2)``, t in pixels, to the right and up; none if None.
        displacement: ``(B, 2, H, W)``, u in pixels; none if None.
        fill: ``(C,)``, the color outside of the images; zero if None.
        nearest: Take the nearest pixel, as for classes, instead of interpolating.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = (height - 1) / 2 - torch.arange(height, dtype=torch.float64)
    points = torch.stack((x.expand(height, width), y[:, None].expand(height, width)))
    back = torch.linalg.inv(matrices.to(torch.float64))
    moved = points if shifts is None else points - shifts.to(torch.float64)[:, :, None, None]
    source = torch.einsum("bij,bjhw->bihw", back, moved.expand(len(images), -1, -1, -1))
    if displacement is not None:
        source = source + displacement
    grid = torch.stack((2 * source[:, 0] / width, -2 * source[:, 1] / height), -1).to(images)
    offset = 0 if fill is None else fill.to(images)[:, None, None]
    mode = "nearest" if nearest else "bilinear"
    return functional.grid_sample(images - offset, grid, mode, "zeros", align_corners=False) + offset
