"""Plain functions on tensors, without parameters: what the layers of :mod:`intertwine.nn` are made of.

- alignment: Procrustes problems, rigid motions and similarities of corresponding points
- functions: spherical harmonics, radial functions, activations, quadrature grids
- graph: edges sorted by target, segment sums
- points: neighbor graphs, sampling and interpolation of point clouds, frames
- descriptors: power spectra of point clouds and their normals, histograms of neighborhoods and of pairs
- many_body: polynomials of the sums over the neighbors of each atom
- steerable: convolutions by Clebsch-Gordan paths
- so2: convolutions in the frames of the edges (eSCN)
- vector_neurons: VN-ReLU on edges
- grids: pixels and voxels of kernels, rings and harmonics, convolution, antialiased pooling
- filters: steerable filters, their bases and interpolation functions, oriented energy
- sets: exchangeable maps of dense arrays and of observed entries, sums over entries that share an index
- cameras: distortion, projection, triangulation, bundle adjustment
- registration: the motion between two point clouds from local features
- local_features: SIFT keypoints and descriptors, keypoints of score maps, matching
- correlation: grids of rotations, correlations of two fields maximized over all rigid motions

Each stands on those above it.
"""

from intertwine.ops._operator import decompositions
from intertwine.ops.alignment import (
    RigidMotion,
    RotationGrid,
    Similarity,
    covering_radius,
    maximal_rotation,
    nearest_rotation,
    procrustes,
    rigid_alignment,
    rotation_correlation,
    rotation_grid,
    similarity_alignment,
    transport_plan,
)
from intertwine.ops.correlation import (
    CorrelationMaxima,
    GaussianKernel,
    PointField,
    correlation,
    maximize_correlation,
    motion_distances,
    refine_correlation,
    search_correlation,
    suppress_motions,
)
from intertwine.ops.descriptors import (
    neighborhood_shape,
    normal_spectrum,
    pair_histogram,
    shell_spectrum,
    soft_histogram,
    standardize_clouds,
    surface_histogram,
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
    EdgeBasis,
    bessel_basis,
    bessel_with_derivative,
    circle_grid,
    edge_basis,
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
from intertwine.ops.grids import (
    FilterReflection,
    PointReflection,
    circular_harmonics,
    gaussian_pool,
    grid_convolution,
    kernel_points,
    linear_upsample,
    point_reflection,
    smooth_ring,
)
from intertwine.ops.local_features import (
    Keypoints,
    SampledKeypoints,
    disc_maximum,
    match_descriptors,
    sample_keypoints,
    sampling_log_probabilities,
    select_keypoints,
    sift,
)
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
from intertwine.ops.registration import Registration, register
from intertwine.ops.sets import array_linear, entry_linear, gather_sums, group_sums, pad_sets
from intertwine.ops.so2 import SO2Coupling, edge_wigner_d, path_basis, path_weights, so2_conv, so2_weights
from intertwine.ops.steerable import Coupling, IrrepLabel, depthwise_conv, steerable_conv, steerable_messages
from intertwine.ops.vector_neurons import VN_EPSILON, EdgeVectors, edge_norm_stats, vn_relu, vn_relu_mean

__all__ = [
    "VN_EPSILON",
    "AngularDecomposition",
    "Chunk",
    "ContractionLayout",
    "CorrelationMaxima",
    "Coupling",
    "EdgeBasis",
    "EdgeVectors",
    "Filter",
    "FilterReflection",
    "GaussianKernel",
    "Graph",
    "IrrepLabel",
    "Keypoints",
    "OrientedEnergy",
    "PointField",
    "PointReflection",
    "PolynomialFilter",
    "Registration",
    "RigidMotion",
    "RotationGrid",
    "SO2Coupling",
    "SampledFilter",
    "SampledKeypoints",
    "Similarity",
    "angular_decomposition",
    "array_linear",
    "avg_pool_neighbors",
    "bessel_basis",
    "bessel_with_derivative",
    "centers",
    "chunks",
    "circle_grid",
    "circular_harmonics",
    "correlation",
    "covering_radius",
    "decompositions",
    "depthwise_conv",
    "disc_maximum",
    "edge_basis",
    "edge_norm_stats",
    "edge_wigner_d",
    "entry_linear",
    "farthest_point_sampling",
    "filter_kernels",
    "gather_sums",
    "gaussian_derivative",
    "gaussian_pool",
    "gram_schmidt",
    "grid_convolution",
    "group_sums",
    "hilbert_fit",
    "kernel_points",
    "knn_graph",
    "knn_interpolate",
    "knn_table",
    "linear_upsample",
    "masked_contraction",
    "match_descriptors",
    "maximal_rotation",
    "maximize_correlation",
    "motion_distances",
    "nearest_rotation",
    "neighborhood_shape",
    "normal_spectrum",
    "oriented_energy",
    "pad_sets",
    "pair_histogram",
    "path_basis",
    "path_weights",
    "piecewise_polynomial",
    "point_reflection",
    "principal_axes",
    "procrustes",
    "product_grid",
    "radius_graph",
    "refine_correlation",
    "register",
    "resolve_batch",
    "rigid_alignment",
    "rotation_correlation",
    "rotation_grid",
    "safe_norm",
    "safe_normalize",
    "sample_keypoints",
    "sampling_log_probabilities",
    "search_correlation",
    "segment_apply",
    "segment_max",
    "segment_mean",
    "segment_outer",
    "segment_softmax",
    "segment_sum",
    "select_keypoints",
    "shell_spectrum",
    "sift",
    "silu",
    "similarity_alignment",
    "smooth_cutoff",
    "smooth_ring",
    "so2_conv",
    "so2_weights",
    "soft_histogram",
    "sphere_grid",
    "spherical_harmonics",
    "standardize_clouds",
    "steerable_conv",
    "steerable_messages",
    "suppress_motions",
    "surface_histogram",
    "symmetric_contraction",
    "transport_plan",
    "vn_relu",
    "vn_relu_mean",
]
