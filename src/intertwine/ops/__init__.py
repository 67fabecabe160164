"""Plain functions on tensors, without parameters: harmonics, radial functions, graphs, sums over edges, convolution."""

from intertwine.ops._activation import silu
from intertwine.ops._coupling import Coupling
from intertwine.ops._depthwise_conv import depthwise_conv
from intertwine.ops._edge_coupling import EdgeCoupling
from intertwine.ops._edge_frame_conv import edge_frame_conv
from intertwine.ops._edge_paths import edge_paths, frame_weights, path_weights
from intertwine.ops._edge_rotations import edge_rotations
from intertwine.ops._edge_vectors import EdgeVectors
from intertwine.ops._farthest import farthest_points
from intertwine.ops._frames import centers, gram_schmidt, principal_axes
from intertwine.ops._graph import Graph, arrange, fan
from intertwine.ops._grids import circle_grid, product_grid, sphere_grid
from intertwine.ops._interpolate import interpolate, neighbor_mean
from intertwine.ops._nearest import nearest_points
from intertwine.ops._neighbors import nearest_neighbors, radius_graph
from intertwine.ops._radial import bessel_basis, smooth_cutoff
from intertwine.ops._rectified_mean import edge_moments, rectified_mean, rectify
from intertwine.ops._segments import segment_apply, segment_max, segment_mean, segment_outer, segment_sum, structures_of
from intertwine.ops._softmax import segment_softmax
from intertwine.ops._spherical_harmonics import spherical_harmonics
from intertwine.ops._steerable_conv import steerable_conv
from intertwine.ops._steerable_messages import outgoing, steerable_messages
from intertwine.ops._vectors import length, unit

__all__ = [
    "Coupling",
    "EdgeCoupling",
    "EdgeVectors",
    "Graph",
    "arrange",
    "bessel_basis",
    "centers",
    "circle_grid",
    "depthwise_conv",
    "edge_frame_conv",
    "edge_moments",
    "edge_paths",
    "edge_rotations",
    "fan",
    "farthest_points",
    "frame_weights",
    "gram_schmidt",
    "interpolate",
    "length",
    "nearest_neighbors",
    "nearest_points",
    "neighbor_mean",
    "outgoing",
    "path_weights",
    "principal_axes",
    "product_grid",
    "radius_graph",
    "rectified_mean",
    "rectify",
    "segment_apply",
    "segment_max",
    "segment_mean",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "silu",
    "smooth_cutoff",
    "sphere_grid",
    "spherical_harmonics",
    "steerable_conv",
    "steerable_messages",
    "structures_of",
    "unit",
]
