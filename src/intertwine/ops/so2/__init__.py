"""SO(2) convolution (eSCN): steerable convolution by dense maps in the frames of the edges."""

from intertwine.ops.so2._edge_wigner_d import edge_wigner_d
from intertwine.ops.so2._path_weights import path_basis, path_weights, so2_weights
from intertwine.ops.so2._so2_conv import so2_conv
from intertwine.ops.so2._so2_coupling import SO2Coupling

__all__ = ["SO2Coupling", "edge_wigner_d", "path_basis", "path_weights", "so2_conv", "so2_weights"]
