"""Sums over the observed entries of a sparse array that share an index, for all of its axes in one pass."""

from intertwine.ops.sets._entry_sums import gather_sums, group_sums

__all__ = ["gather_sums", "group_sums"]
