"""Steerable filters in the plane and in space: bases, interpolation functions, oriented energy, and their figures."""

from intertwine.ops.filters._decomposition import AngularDecomposition, angular_decomposition
from intertwine.ops.filters._draw import FilteredImage, SteeredFilter, draw_filter, steer_filter
from intertwine.ops.filters._energy import OrientedEnergy, oriented_energy
from intertwine.ops.filters._polynomial import PolynomialFilter, gaussian_derivative, hilbert_fit
from intertwine.ops.filters._sampled import Filter, SampledFilter, filter_kernels
from intertwine.ops.filters._steering import FILTERS, named_filter, steered_responses

__all__ = [
    "FILTERS",
    "AngularDecomposition",
    "Filter",
    "FilteredImage",
    "OrientedEnergy",
    "PolynomialFilter",
    "SampledFilter",
    "SteeredFilter",
    "angular_decomposition",
    "draw_filter",
    "filter_kernels",
    "gaussian_derivative",
    "hilbert_fit",
    "named_filter",
    "oriented_energy",
    "steer_filter",
    "steered_responses",
]
