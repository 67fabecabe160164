"""Layers on fields of images and volumes: group convolutions, steerable and harmonic convolutions, in one class."""

from intertwine.nn.grid._basis import KernelBasis, PixelBasis, RingBasis
from intertwine.nn.grid._conv import GridConv
from intertwine.nn.grid._layer import GridLayer, grid_action

__all__ = ["GridConv", "GridLayer", "KernelBasis", "PixelBasis", "RingBasis", "grid_action"]
