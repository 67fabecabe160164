"""Layers. Each knows its `rep_in` and `rep_out`, and what also moves the space its `action_in` and `action_out`."""

from intertwine.nn._batch_norm import BatchNorm
from intertwine.nn._constant import Constant
from intertwine.nn._geometry import Geometry, geometry
from intertwine.nn._layer_norm import LayerNorm
from intertwine.nn._linear import Linear
from intertwine.nn._message_conv import MessageConv
from intertwine.nn._nonlinearities import Gate, Invariants, NormNonlinearity
from intertwine.nn._pool import Pool
from intertwine.nn._radial import Radial
from intertwine.nn._sampled import FourierNonlinearity, SphereNonlinearity
from intertwine.nn._steerable_conv import SteerableConv
from intertwine.nn._tensor_square import TensorSquare

__all__ = [
    "BatchNorm",
    "Constant",
    "FourierNonlinearity",
    "Gate",
    "Geometry",
    "Invariants",
    "LayerNorm",
    "Linear",
    "MessageConv",
    "NormNonlinearity",
    "Pool",
    "Radial",
    "SphereNonlinearity",
    "SteerableConv",
    "TensorSquare",
    "geometry",
]
