"""Rotation-invariant descriptors of point clouds: spectrum of radial shells, shapes of neighborhoods."""

from intertwine.ops.descriptors._histograms import soft_histogram
from intertwine.ops.descriptors._neighborhood_shape import neighborhood_shape
from intertwine.ops.descriptors._shell_spectrum import shell_spectrum, standardize_clouds

__all__ = ["neighborhood_shape", "shell_spectrum", "soft_histogram", "standardize_clouds"]
