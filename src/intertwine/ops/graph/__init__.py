"""Graphs for message passing: edges sorted by target, segment sums, and chunks of nodes that fit into cache."""

from intertwine.ops.graph._batch import resolve_batch
from intertwine.ops.graph._chunk_threads import Sums, map_chunks, share_chunks
from intertwine.ops.graph._chunks import Chunk, chunks
from intertwine.ops.graph._graph import Graph
from intertwine.ops.graph._segment_products import segment_apply, segment_outer
from intertwine.ops.graph._segment_softmax import segment_softmax
from intertwine.ops.graph._segments import segment_max, segment_mean, segment_sum

__all__ = [
    "Chunk",
    "Graph",
    "Sums",
    "chunks",
    "map_chunks",
    "resolve_batch",
    "segment_apply",
    "segment_max",
    "segment_mean",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "share_chunks",
]
