"""Layers. Each knows its `rep_in` and `rep_out`, and what also moves the space its `action_in` and `action_out`."""

from intertwine.nn._constant import Constant
from intertwine.nn._linear import Linear
from intertwine.nn._pool import Pool
from intertwine.nn.conv._attention import SteerableAttention, SteerableCrossAttention
from intertwine.nn.conv._depthwise import DepthwiseConv
from intertwine.nn.conv._e3nn_weights import e3nn_weights, load_e3nn_weights
from intertwine.nn.conv._egnn import EGNNConv, VelocityEGNNConv
from intertwine.nn.conv._geometry import Geometry, geometry
from intertwine.nn.conv._message import MessageConv
from intertwine.nn.conv._radial import Radial
from intertwine.nn.conv._so2 import SO2Conv
from intertwine.nn.conv._steerable import SteerableConv
from intertwine.nn.group._group_conv import GroupPointConv, InterPointConv
from intertwine.nn.group._group_maps import IntraGroupConv, Lift, Project, neighborhood
from intertwine.nn.group._regular import GroupPool, PointwiseNonlinearity, RegularBatchNorm
from intertwine.nn.group._rotation_readout import RotationReadout
from intertwine.nn.nonlinear._gate import Gate, NormInvariants, NormNonlinearity
from intertwine.nn.nonlinear._sampled import FourierNonlinearity, SphereNonlinearity
from intertwine.nn.nonlinear._self_interaction import AttentiveSelfInteraction
from intertwine.nn.nonlinear._tensor_square import TensorSquare
from intertwine.nn.norm._batch_norm import BatchNorm
from intertwine.nn.norm._layer_norm import LayerNorm
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.nn.vector._vector_edge_conv import VectorEdgeConv, VectorLift
from intertwine.nn.vector._vector_invariant import VectorInvariant
from intertwine.nn.vector._vector_layout import from_vector_layout, to_vector_layout
from intertwine.nn.vector._vector_pool import VectorMaxPool
from intertwine.nn.vector._vector_relu import VectorLeakyReLU, VectorReLU

__all__ = [
    "AttentiveSelfInteraction",
    "BatchNorm",
    "Constant",
    "DepthwiseConv",
    "EGNNConv",
    "FourierNonlinearity",
    "Gate",
    "Geometry",
    "GroupPointConv",
    "GroupPool",
    "InterPointConv",
    "IntraGroupConv",
    "LayerNorm",
    "Lift",
    "Linear",
    "MessageConv",
    "NormInvariants",
    "NormNonlinearity",
    "PointwiseNonlinearity",
    "Pool",
    "Project",
    "Radial",
    "RegularBatchNorm",
    "RotationReadout",
    "SO2Conv",
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
    "VelocityEGNNConv",
    "e3nn_weights",
    "from_vector_layout",
    "geometry",
    "load_e3nn_weights",
    "neighborhood",
    "to_vector_layout",
]
