"""Rotation-invariant descriptors of point clouds: spectra of radial shells, histograms of neighborhoods and pairs."""

from intertwine.ops.descriptors._histograms import soft_histogram
from intertwine.ops.descriptors._neighborhood_shape import neighborhood_shape
from intertwine.ops.descriptors._pair_histogram import pair_histogram
from intertwine.ops.descriptors._shell_spectrum import normal_spectrum, shell_spectrum, standardize_clouds
from intertwine.ops.descriptors._surface_histogram import surface_histogram

__all__ = [
    "neighborhood_shape",
    "normal_spectrum",
    "pair_histogram",
    "shell_spectrum",
    "soft_histogram",
    "standardize_clouds",
    "surface_histogram",
]
