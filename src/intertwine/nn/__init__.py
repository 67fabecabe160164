"""Layers. Each knows its `rep_in` and `rep_out`, and what also moves the space its `action_in` and `action_out`."""

from intertwine.nn._constant import Constant
from intertwine.nn._geometry import Geometry, geometry
from intertwine.nn._linear import Linear
from intertwine.nn._message_conv import MessageConv
from intertwine.nn._nonlinearities import Gate, Invariants, NormNonlinearity
from intertwine.nn._pool import Pool
from intertwine.nn._radial import Radial
from intertwine.nn._steerable_conv import SteerableConv
from intertwine.nn._vector_batch_norm import VectorBatchNorm
from intertwine.nn._vector_edge_conv import VectorEdgeConv, VectorLift
from intertwine.nn._vector_invariant import VectorInvariant
from intertwine.nn._vector_layout import from_vector_layout, to_vector_layout
from intertwine.nn._vector_pool import VectorMaxPool
from intertwine.nn._vector_relu import VectorLeakyReLU, VectorReLU

__all__ = [
    "Constant",
    "Gate",
    "Geometry",
    "Invariants",
    "Linear",
    "MessageConv",
    "NormNonlinearity",
    "Pool",
    "Radial",
    "SteerableConv",
    "VectorBatchNorm",
    "VectorEdgeConv",
    "VectorInvariant",
    "VectorLeakyReLU",
    "VectorLift",
    "VectorMaxPool",
    "VectorReLU",
    "from_vector_layout",
    "geometry",
    "to_vector_layout",
]
