"""Layers of two inputs, each with its own group: bi-equivariant features, fusion, attention."""

from intertwine.nn.pair._attention import PairAttention
from intertwine.nn.pair._bilinear import PairBilinear
from intertwine.nn.pair._transport import PairFusion, Transport, exchange, exchanged_rep

__all__ = ["PairAttention", "PairBilinear", "PairFusion", "Transport", "exchange", "exchanged_rep"]
