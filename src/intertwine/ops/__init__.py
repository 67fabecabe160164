"""Plain functions on tensors, without parameters: what the layers of :mod:`intertwine.nn` are made of.

- alignment: Procrustes problems, rigid motions and similarities of corresponding points
- functions: spherical harmonics, radial functions, activations, quadrature grids
- graph: edges sorted by target, segment sums
- points: neighbor graphs, sampling and interpolation of point clouds, frames
- many_body: polynomials of the sums over the neighbors of each atom
- steerable: convolutions by Clebsch-Gordan paths
- so2: convolutions in the frames of the edges (eSCN)
- vector_neurons: VN-ReLU on edges
- grids: pixels and voxels of kernels, rings and harmonics, antialiased pooling
- filters: steerable filters, their bases and interpolation functions, oriented energy
- local_features: SIFT keypoints and descriptors, matching

Each stands on those above it.
"""

from intertwine.ops.alignment import (
    RigidMotion,
    Similarity,
    nearest_rotation,
    procrustes,
    rigid_alignment,
    similarity_alignment,
)
from intertwine.ops.filters import (
    AngularDecomposition,
    Filter,
    OrientedEnergy,
    PolynomialFilter,
    SampledFilter,
    angular_decomposition,
    filter_kernels,
    gaussian_derivative,
    hilbert_fit,
    oriented_energy,
)
from intertwine.ops.functions import (
    bessel_basis,
    circle_grid,
    piecewise_polynomial,
    product_grid,
    safe_norm,
    safe_normalize,
    silu,
    smooth_cutoff,
    sphere_grid,
    spherical_harmonics,
)
from intertwine.ops.graph import (
    Chunk,
    Graph,
    chunks,
    resolve_batch,
    segment_apply,
    segment_max,
    segment_mean,
    segment_outer,
    segment_softmax,
    segment_sum,
)
from intertwine.ops.grids import circular_harmonics, gaussian_pool, kernel_points, linear_upsample, smooth_ring
from intertwine.ops.local_features import Keypoints, match_descriptors, sift
from intertwine.ops.many_body import ContractionLayout, masked_contraction, symmetric_contraction
from intertwine.ops.points import (
    avg_pool_neighbors,
    centers,
    farthest_point_sampling,
    gram_schmidt,
    knn_graph,
    knn_interpolate,
    knn_table,
    principal_axes,
    radius_graph,
)
from intertwine.ops.so2 import SO2Coupling, edge_wigner_d, path_basis, path_weights, so2_conv, so2_weights
from intertwine.ops.steerable import Coupling, IrrepLabel, depthwise_conv, steerable_conv, steerable_messages
from intertwine.ops.vector_neurons import VN_EPSILON, EdgeVectors, edge_norm_stats, vn_relu, vn_relu_mean

__all__ = [
    "VN_EPSILON",
    "AngularDecomposition",
    "Chunk",
    "ContractionLayout",
    "Coupling",
    "EdgeVectors",
    "Filter",
    "Graph",
    "IrrepLabel",
    "Keypoints",
    "OrientedEnergy",
    "PolynomialFilter",
    "RigidMotion",
    "SO2Coupling",
    "SampledFilter",
    "Similarity",
    "angular_decomposition",
    "avg_pool_neighbors",
    "bessel_basis",
    "centers",
    "chunks",
    "circle_grid",
    "circular_harmonics",
    "depthwise_conv",
    "edge_norm_stats",
    "edge_wigner_d",
    "farthest_point_sampling",
    "filter_kernels",
    "gaussian_derivative",
    "gaussian_pool",
    "gram_schmidt",
    "hilbert_fit",
    "kernel_points",
    "knn_graph",
    "knn_interpolate",
    "knn_table",
    "linear_upsample",
    "masked_contraction",
    "match_descriptors",
    "nearest_rotation",
    "oriented_energy",
    "path_basis",
    "path_weights",
    "piecewise_polynomial",
    "principal_axes",
    "procrustes",
    "product_grid",
    "radius_graph",
    "resolve_batch",
    "rigid_alignment",
    "safe_norm",
    "safe_normalize",
    "segment_apply",
    "segment_max",
    "segment_mean",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "sift",
    "silu",
    "similarity_alignment",
    "smooth_cutoff",
    "smooth_ring",
    "so2_conv",
    "so2_weights",
    "sphere_grid",
    "spherical_harmonics",
    "steerable_conv",
    "steerable_messages",
    "symmetric_contraction",
    "vn_relu",
    "vn_relu_mean",
]
