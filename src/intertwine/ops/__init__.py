"""Plain functions on tensors, without parameters: harmonics, radial functions, graphs, sums over edges, convolution."""

from intertwine.ops._activation import silu
from intertwine.ops._coupling import Coupling
from intertwine.ops._graph import Graph, arrange
from intertwine.ops._neighbours import nearest_neighbours, radius_graph
from intertwine.ops._radial import bessel_basis, smooth_cutoff
from intertwine.ops._segments import segment_apply, segment_max, segment_outer, segment_sum
from intertwine.ops._softmax import segment_softmax
from intertwine.ops._spherical_harmonics import spherical_harmonics
from intertwine.ops._steerable_conv import steerable_conv
from intertwine.ops._steerable_messages import outgoing, steerable_messages
from intertwine.ops._vectors import length, unit

__all__ = [
    "Coupling",
    "Graph",
    "arrange",
    "bessel_basis",
    "length",
    "nearest_neighbours",
    "outgoing",
    "radius_graph",
    "segment_apply",
    "segment_max",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "silu",
    "smooth_cutoff",
    "spherical_harmonics",
    "steerable_conv",
    "steerable_messages",
    "unit",
]
