"""Sums over the observed entries of a sparse array that share an index, and sets of different sizes as one array."""

from intertwine.ops.sets._array_linear import array_linear
from intertwine.ops.sets._entry_linear import entry_linear
from intertwine.ops.sets._entry_sums import gather_sums, group_sums
from intertwine.ops.sets._pad import pad_sets

__all__ = ["array_linear", "entry_linear", "gather_sums", "group_sums", "pad_sets"]
