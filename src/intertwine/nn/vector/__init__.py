"""Vector neurons: layers on copies of one vector."""

from intertwine.nn.vector._component_first import ComponentFirst
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.nn.vector._vector_edge_conv import VectorEdgeConv, VectorPositionConv
from intertwine.nn.vector._vector_invariant import VectorInvariant
from intertwine.nn.vector._vector_layout import from_vector_layout, to_vector_layout
from intertwine.nn.vector._vector_pool import VectorMaxPool
from intertwine.nn.vector._vector_relu import VectorLeakyReLU, VectorReLU

__all__ = [
    "ComponentFirst",
    "VectorBatchNorm",
    "VectorEdgeConv",
    "VectorInvariant",
    "VectorLeakyReLU",
    "VectorMaxPool",
    "VectorPositionConv",
    "VectorReLU",
    "from_vector_layout",
    "to_vector_layout",
]
