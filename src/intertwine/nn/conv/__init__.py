"""Convolutions and attention over the neighbors of points in space."""

from intertwine.nn.conv._attention import SteerableAttention, SteerableCrossAttention, pad_to_heads
from intertwine.nn.conv._depthwise import DepthwiseConv
from intertwine.nn.conv._e3nn_weights import e3nn_weights, load_e3nn_weights
from intertwine.nn.conv._egnn import EGNNConv, VelocityEGNNConv
from intertwine.nn.conv._geometry import Geometry, resolve_geometry
from intertwine.nn.conv._message import MessageConv
from intertwine.nn.conv._point_conv import PointConv, PointLayer
from intertwine.nn.conv._radial import Radial
from intertwine.nn.conv._so2 import SO2Conv
from intertwine.nn.conv._steerable import SteerableConv

__all__ = [
    "DepthwiseConv",
    "EGNNConv",
    "Geometry",
    "MessageConv",
    "PointConv",
    "PointLayer",
    "Radial",
    "SO2Conv",
    "SteerableAttention",
    "SteerableConv",
    "SteerableCrossAttention",
    "VelocityEGNNConv",
    "e3nn_weights",
    "load_e3nn_weights",
    "pad_to_heads",
    "resolve_geometry",
]
