"""Layers. Each knows its `rep_in` and `rep_out`, and what also moves the space its `action_in` and `action_out`."""

from intertwine.nn._attention import SteerableAttention, SteerableCrossAttention
from intertwine.nn._batch_norm import BatchNorm
from intertwine.nn._constant import Constant
from intertwine.nn._depthwise_conv import DepthwiseConv
from intertwine.nn._e3nn import e3nn_weights, load_e3nn_weights
from intertwine.nn._edge_frame_conv import EdgeFrameConv
from intertwine.nn._equivariant_graph import EquivariantGraphConv, VelocityGraphConv
from intertwine.nn._geometry import Geometry, geometry
from intertwine.nn._group_conv import GroupPointConv, InterPointConv
from intertwine.nn._group_maps import IntraGroupConv, Lift, Project, neighborhood
from intertwine.nn._layer_norm import LayerNorm
from intertwine.nn._linear import Linear
from intertwine.nn._message_conv import MessageConv
from intertwine.nn._nonlinearities import Gate, Invariants, NormNonlinearity
from intertwine.nn._pool import Pool
from intertwine.nn._radial import Radial
from intertwine.nn._regular import GroupPool, PointwiseNonlinearity, RegularBatchNorm
from intertwine.nn._rotation_readout import RotationReadout
from intertwine.nn._sampled import FourierNonlinearity, SphereNonlinearity
from intertwine.nn._self_interaction import AttentiveSelfInteraction
from intertwine.nn._steerable_conv import SteerableConv
from intertwine.nn._tensor_square import TensorSquare
from intertwine.nn._vector_batch_norm import VectorBatchNorm
from intertwine.nn._vector_edge_conv import VectorEdgeConv, VectorLift
from intertwine.nn._vector_invariant import VectorInvariant
from intertwine.nn._vector_layout import from_vector_layout, to_vector_layout
from intertwine.nn._vector_pool import VectorMaxPool
from intertwine.nn._vector_relu import VectorLeakyReLU, VectorReLU

__all__ = [
    "AttentiveSelfInteraction",
    "BatchNorm",
    "Constant",
    "DepthwiseConv",
    "EdgeFrameConv",
    "EquivariantGraphConv",
    "FourierNonlinearity",
    "Gate",
    "Geometry",
    "GroupPointConv",
    "GroupPool",
    "InterPointConv",
    "IntraGroupConv",
    "Invariants",
    "LayerNorm",
    "Lift",
    "Linear",
    "MessageConv",
    "NormNonlinearity",
    "PointwiseNonlinearity",
    "Pool",
    "Project",
    "Radial",
    "RegularBatchNorm",
    "RotationReadout",
    "SphereNonlinearity",
    "SteerableAttention",
    "SteerableConv",
    "SteerableCrossAttention",
    "TensorSquare",
    "VectorBatchNorm",
    "VectorEdgeConv",
    "VectorInvariant",
    "VectorLeakyReLU",
    "VectorLift",
    "VectorMaxPool",
    "VectorReLU",
    "VelocityGraphConv",
    "e3nn_weights",
    "from_vector_layout",
    "geometry",
    "load_e3nn_weights",
    "neighborhood",
    "to_vector_layout",
]
