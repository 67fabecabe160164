"""Layers on fields of images and volumes: group convolutions, steerable and harmonic convolutions, in one class."""

from intertwine.nn.grid._basis import KernelBasis, PixelBasis, RingBasis
from intertwine.nn.grid._batch_norm import GridBatchNorm, GridLayerNorm
from intertwine.nn.grid._conv import GridConv
from intertwine.nn.grid._export import export_grid
from intertwine.nn.grid._fourier import GridFourierNonlinearity, band_limited_regular
from intertwine.nn.grid._group_maps import GridDropout, GridGroupPool, GridInvariants, GridRestriction
from intertwine.nn.grid._layer import GridLayer, grid_action
from intertwine.nn.grid._nonlinear import GridGate, GridNormNonlinearity, GridPointwiseNonlinearity
from intertwine.nn.grid._pool import GridAvgPool, GridMaxPool, GridSpatialPool, GridUpsample

__all__ = [
    "GridAvgPool",
    "GridBatchNorm",
    "GridConv",
    "GridDropout",
    "GridFourierNonlinearity",
    "GridGate",
    "GridGroupPool",
    "GridInvariants",
    "GridLayer",
    "GridLayerNorm",
    "GridMaxPool",
    "GridNormNonlinearity",
    "GridPointwiseNonlinearity",
    "GridRestriction",
    "GridSpatialPool",
    "GridUpsample",
    "KernelBasis",
    "PixelBasis",
    "RingBasis",
    "band_limited_regular",
    "export_grid",
    "grid_action",
]
