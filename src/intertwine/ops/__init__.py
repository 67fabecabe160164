"""Plain functions on tensors, without parameters: harmonics, radial functions, graphs, sums over edges, convolution."""

from intertwine.ops._coupling import Coupling
from intertwine.ops._edge_coupling import EdgeCoupling
from intertwine.ops._edge_frame_conv import edge_frame_conv
from intertwine.ops._edge_paths import edge_paths, frame_weights, path_weights
from intertwine.ops._edge_rotations import edge_rotations
from intertwine.ops._graph import Graph, arrange
from intertwine.ops._neighbours import nearest_neighbours, radius_graph
from intertwine.ops._radial import bessel_basis, smooth_cutoff
from intertwine.ops._segments import segment_apply, segment_outer, segment_sum
from intertwine.ops._spherical_harmonics import spherical_harmonics
from intertwine.ops._steerable_conv import steerable_conv
from intertwine.ops._vectors import length, unit

__all__ = [
    "Coupling",
    "EdgeCoupling",
    "Graph",
    "arrange",
    "bessel_basis",
    "edge_frame_conv",
    "edge_paths",
    "edge_rotations",
    "frame_weights",
    "length",
    "nearest_neighbours",
    "path_weights",
    "radius_graph",
    "segment_apply",
    "segment_outer",
    "segment_sum",
    "smooth_cutoff",
    "spherical_harmonics",
    "steerable_conv",
    "unit",
]
