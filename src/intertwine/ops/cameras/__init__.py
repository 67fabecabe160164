"""Pinhole cameras: rotations, distortion, projection, triangulation, bundle adjustment."""

from intertwine.ops.cameras._bundle_adjustment import BundleAdjustment, bundle_adjustment
from intertwine.ops.cameras._distortion import CAMERA_MODELS, CameraModel, distorted, intrinsic_matrix, undistorted
from intertwine.ops.cameras._projection import camera_centers, camera_coordinates, reprojection_residuals
from intertwine.ops.cameras._projection_loss import projection_loss
from intertwine.ops.cameras._projective import (
    ProjectiveAdjustment,
    projective_bundle_adjustment,
    projective_resection,
    projective_residuals,
    projective_triangulation,
)
from intertwine.ops.cameras._rotation import matrix_from_quaternion, matrix_from_rotation_vector, quaternion_from_matrix
from intertwine.ops.cameras._triangulation import Triangulation, ray_angles, robust_triangulation, triangulate

__all__ = [
    "CAMERA_MODELS",
    "BundleAdjustment",
    "CameraModel",
    "ProjectiveAdjustment",
    "Triangulation",
    "bundle_adjustment",
    "camera_centers",
    "camera_coordinates",
    "distorted",
    "intrinsic_matrix",
    "matrix_from_quaternion",
    "matrix_from_rotation_vector",
    "projection_loss",
    "projective_bundle_adjustment",
    "projective_resection",
    "projective_residuals",
    "projective_triangulation",
    "quaternion_from_matrix",
    "ray_angles",
    "reprojection_residuals",
    "robust_triangulation",
    "triangulate",
    "undistorted",
]
