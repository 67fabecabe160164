"""Steps of a reconstruction: clean tracks, relative poses of pairs, poses from a network, the mapper."""

from intertwine.tasks.sfm.mapping._clean import CanonicalTracks, clean, counted
from intertwine.tasks.sfm.mapping._mapper import Mapper
from intertwine.tasks.sfm.mapping._network_start import (
    NetworkInput,
    network_input,
    network_poses,
    network_projections,
    optimize,
    verified_rows,
)
from intertwine.tasks.sfm.mapping._of_order_one import of_order_one
from intertwine.tasks.sfm.mapping._projective_mapper import ProjectiveMapper, UncalibratedPair, uncalibrated_pairs
from intertwine.tasks.sfm.mapping._two_view import (
    LEAST_AGREEMENT,
    LEAST_MATCHES,
    WIDENING,
    CameraPair,
    camera_pairs,
    joined_cameras,
    require_opencv,
)

__all__ = [
    "LEAST_AGREEMENT",
    "LEAST_MATCHES",
    "WIDENING",
    "CameraPair",
    "CanonicalTracks",
    "Mapper",
    "NetworkInput",
    "ProjectiveMapper",
    "UncalibratedPair",
    "camera_pairs",
    "clean",
    "counted",
    "joined_cameras",
    "network_input",
    "network_poses",
    "network_projections",
    "of_order_one",
    "optimize",
    "require_opencv",
    "uncalibrated_pairs",
    "verified_rows",
]
