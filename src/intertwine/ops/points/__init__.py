"""Point clouds: neighbor graphs, farthest point sampling, interpolation, principal axes and orthonormal frames."""

from intertwine.ops.points._farthest_point_sampling import farthest_point_sampling
from intertwine.ops.points._interpolate import avg_pool_neighbors, knn_interpolate
from intertwine.ops.points._knn_table import knn_table
from intertwine.ops.points._neighbor_graphs import knn_graph, radius_graph
from intertwine.ops.points._orthonormal_frames import centers, gram_schmidt, principal_axes

__all__ = [
    "avg_pool_neighbors",
    "centers",
    "farthest_point_sampling",
    "gram_schmidt",
    "knn_graph",
    "knn_interpolate",
    "knn_table",
    "principal_axes",
    "radius_graph",
]
