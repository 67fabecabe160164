"""Registration of point clouds: local features, motions on which they agree, and refinement."""

from intertwine.ops.registration._confidence import Evidence
from intertwine.ops.registration._feature_histograms import feature_histograms
from intertwine.ops.registration._normals import estimate_normals
from intertwine.ops.registration._register import Registration, register
from intertwine.ops.registration._sampling import poisson_disk_subset

__all__ = [
    "Evidence",
    "Registration",
    "estimate_normals",
    "feature_histograms",
    "poisson_disk_subset",
    "register",
]
