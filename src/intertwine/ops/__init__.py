"""Plain functions on tensors, without parameters: harmonics, radial functions, graphs, sums over edges, convolution."""

from intertwine.ops.functions._activation import silu
from intertwine.ops.functions._quadrature import circle_grid, product_grid, sphere_grid
from intertwine.ops.functions._radial import bessel_basis, smooth_cutoff
from intertwine.ops.functions._safe_norm import length, unit
from intertwine.ops.functions._spherical_harmonics import spherical_harmonics
from intertwine.ops.graph._graph import Graph, arrange, fan
from intertwine.ops.graph._segment_softmax import segment_softmax
from intertwine.ops.graph._segments import (
    resolve_batch,
    segment_apply,
    segment_max,
    segment_mean,
    segment_outer,
    segment_sum,
)
from intertwine.ops.points._alignment import centers, gram_schmidt, principal_axes
from intertwine.ops.points._farthest_points import farthest_points
from intertwine.ops.points._interpolate import interpolate, neighbor_mean
from intertwine.ops.points._nearest_points import nearest_points
from intertwine.ops.points._neighbors import knn_graph, radius_graph
from intertwine.ops.so2._edge_rotations import edge_rotations
from intertwine.ops.so2._path_weights import edge_paths, frame_weights, path_weights
from intertwine.ops.so2._so2_conv import so2_conv
from intertwine.ops.so2._so2_coupling import SO2Coupling
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._depthwise_conv import depthwise_conv
from intertwine.ops.steerable._steerable_conv import steerable_conv
from intertwine.ops.steerable._steerable_messages import outgoing, steerable_messages
from intertwine.ops.vector_neurons._edge_vectors import EdgeVectors
from intertwine.ops.vector_neurons._vn_relu_mean import edge_moments, rectify, vn_relu_mean

__all__ = [
    "Coupling",
    "EdgeVectors",
    "Graph",
    "SO2Coupling",
    "arrange",
    "bessel_basis",
    "centers",
    "circle_grid",
    "depthwise_conv",
    "edge_moments",
    "edge_paths",
    "edge_rotations",
    "fan",
    "farthest_points",
    "frame_weights",
    "gram_schmidt",
    "interpolate",
    "knn_graph",
    "length",
    "nearest_points",
    "neighbor_mean",
    "outgoing",
    "path_weights",
    "principal_axes",
    "product_grid",
    "radius_graph",
    "rectify",
    "resolve_batch",
    "segment_apply",
    "segment_max",
    "segment_mean",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "silu",
    "smooth_cutoff",
    "so2_conv",
    "sphere_grid",
    "spherical_harmonics",
    "steerable_conv",
    "steerable_messages",
    "unit",
    "vn_relu_mean",
]
