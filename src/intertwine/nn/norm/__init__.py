"""Normalization of sums of irreps."""

from intertwine.nn.norm._batch_norm import BatchNorm
from intertwine.nn.norm._layer_norm import LayerNorm
from intertwine.nn.norm._synchronize import is_distributed, synchronize_moments, synchronized_batch_norm, without_rows

__all__ = [
    "BatchNorm",
    "LayerNorm",
    "is_distributed",
    "synchronize_moments",
    "synchronized_batch_norm",
    "without_rows",
]
