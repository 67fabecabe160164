"""Steerable filters in the plane and in space: bases, interpolation functions, oriented energy."""

from intertwine.ops.filters._decomposition import AngularDecomposition, angular_decomposition
from intertwine.ops.filters._energy import OrientedEnergy, oriented_energy
from intertwine.ops.filters._polynomial import PolynomialFilter, gaussian_derivative, hilbert_fit
from intertwine.ops.filters._sampled import Filter, SampledFilter, filter_kernels

__all__ = [
    "AngularDecomposition",
    "Filter",
    "OrientedEnergy",
    "PolynomialFilter",
    "SampledFilter",
    "angular_decomposition",
    "filter_kernels",
    "gaussian_derivative",
    "hilbert_fit",
    "oriented_energy",
]
