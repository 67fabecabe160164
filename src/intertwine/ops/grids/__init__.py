"""Pixels and voxels: coordinates of kernels, rings and harmonics, convolution, antialiased pooling."""

from intertwine.ops.grids._convolution import grid_convolution
from intertwine.ops.grids._harmonics import circular_harmonics, smooth_ring
from intertwine.ops.grids._points import kernel_points
from intertwine.ops.grids._pool import gaussian_pool, linear_upsample

__all__ = [
    "circular_harmonics",
    "gaussian_pool",
    "grid_convolution",
    "kernel_points",
    "linear_upsample",
    "smooth_ring",
]
