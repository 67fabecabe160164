"""Layers on sets and on arrays whose axes are permuted."""

from intertwine.nn.sets._attention import SetAttention, SetAttentionPool, SetCrossAttention
from intertwine.nn.sets._axes import ArrayAxes, parse_axes
from intertwine.nn.sets._axial import TiedAxialAttention
from intertwine.nn.sets._entries import ObservedEntries
from intertwine.nn.sets._exchangeable import ExchangeableLinear
from intertwine.nn.sets._layout import ExchangeableMap
from intertwine.nn.sets._norm import ExchangeableNorm

__all__ = [
    "ArrayAxes",
    "ExchangeableLinear",
    "ExchangeableMap",
    "ExchangeableNorm",
    "ObservedEntries",
    "SetAttention",
    "SetAttentionPool",
    "SetCrossAttention",
    "TiedAxialAttention",
    "parse_axes",
]
