"""Layers on sets and on arrays whose axes are permuted."""

from intertwine.nn.sets._entries import ObservedEntries
from intertwine.nn.sets._exchangeable import ExchangeableLinear
from intertwine.nn.sets._layout import ExchangeableMap

__all__ = ["ExchangeableLinear", "ExchangeableMap", "ObservedEntries"]
