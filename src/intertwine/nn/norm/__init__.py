"""Normalization of sums of irreps."""

from intertwine.nn.norm._batch_norm import BatchNorm
from intertwine.nn.norm._layer_norm import LayerNorm

__all__ = [
    "BatchNorm",
    "LayerNorm",
]
