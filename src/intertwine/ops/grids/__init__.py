"""Pixels and voxels: kernels, rings and harmonics, convolution, normalization, pooling, volumes of point clouds."""

from intertwine.ops.grids._batch_norm import normalize_copies
from intertwine.ops.grids._convolution import grid_convolution
from intertwine.ops.grids._harmonics import circular_harmonics, smooth_ring
from intertwine.ops.grids._points import kernel_points
from intertwine.ops.grids._pool import gaussian_pool, linear_upsample
from intertwine.ops.grids._reflection import FilterReflection, PointReflection, point_reflection
from intertwine.ops.grids._voxels import voxelize

__all__ = [
    "FilterReflection",
    "PointReflection",
    "circular_harmonics",
    "gaussian_pool",
    "grid_convolution",
    "kernel_points",
    "linear_upsample",
    "normalize_copies",
    "point_reflection",
    "smooth_ring",
    "voxelize",
]
