"""Vector neurons: the VN-ReLU on edges, fused with the mean over neighbors, and statistics of vector norms."""

from intertwine.ops.vector_neurons._edge_norm_stats import edge_norm_stats
from intertwine.ops.vector_neurons._edge_vectors import EdgeVectors
from intertwine.ops.vector_neurons._vn_relu_kernels import VN_EPSILON
from intertwine.ops.vector_neurons._vn_relu_mean import vn_relu, vn_relu_mean

__all__ = ["VN_EPSILON", "EdgeVectors", "edge_norm_stats", "vn_relu", "vn_relu_mean"]
