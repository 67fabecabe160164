"""Plain functions on tensors, without parameters: harmonics, radial functions, graphs, sums over edges, convolution."""

from intertwine.ops._coupling import Coupling
from intertwine.ops._edge_vectors import EdgeVectors
from intertwine.ops._graph import Graph, arrange, fan
from intertwine.ops._nearest import nearest_points
from intertwine.ops._neighbours import nearest_neighbours, radius_graph
from intertwine.ops._radial import bessel_basis, smooth_cutoff
from intertwine.ops._rectified_mean import edge_moments, rectified_mean, rectify
from intertwine.ops._segments import segment_apply, segment_max, segment_outer, segment_sum
from intertwine.ops._spherical_harmonics import spherical_harmonics
from intertwine.ops._steerable_conv import steerable_conv
from intertwine.ops._vectors import length, unit

__all__ = [
    "Coupling",
    "EdgeVectors",
    "Graph",
    "arrange",
    "bessel_basis",
    "edge_moments",
    "fan",
    "length",
    "nearest_neighbours",
    "nearest_points",
    "radius_graph",
    "rectified_mean",
    "rectify",
    "segment_apply",
    "segment_max",
    "segment_outer",
    "segment_sum",
    "smooth_cutoff",
    "spherical_harmonics",
    "steerable_conv",
    "unit",
]
