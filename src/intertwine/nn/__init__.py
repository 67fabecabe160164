"""Layers. Each knows its `rep_in` and `rep_out`, and what also moves the space its `action_in` and `action_out`."""

from intertwine.nn._constant import Constant
from intertwine.nn._edge_frame_conv import EdgeFrameConv
from intertwine.nn._geometry import Geometry, geometry
from intertwine.nn._linear import Linear
from intertwine.nn._message_conv import MessageConv
from intertwine.nn._nonlinearities import Gate, Invariants, NormNonlinearity
from intertwine.nn._pool import Pool
from intertwine.nn._radial import Radial
from intertwine.nn._steerable_conv import SteerableConv

__all__ = [
    "Constant",
    "EdgeFrameConv",
    "Gate",
    "Geometry",
    "Invariants",
    "Linear",
    "MessageConv",
    "NormNonlinearity",
    "Pool",
    "Radial",
    "SteerableConv",
    "geometry",
]
