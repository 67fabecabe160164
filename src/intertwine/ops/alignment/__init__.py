"""Alignment of corresponding vectors and points: Procrustes problems with a safe derivative, correlation over SO(3)."""

from intertwine.ops.alignment._alignment import (
    RigidMotion,
    Similarity,
    procrustes,
    rigid_alignment,
    similarity_alignment,
)
from intertwine.ops.alignment._correlation import maximal_rotation, rotation_correlation
from intertwine.ops.alignment._optimal_transport import transport_plan
from intertwine.ops.alignment._procrustes import nearest_rotation
from intertwine.ops.alignment._rotation_grid import RotationGrid, covering_radius, rotation_grid

__all__ = [
    "RigidMotion",
    "RotationGrid",
    "Similarity",
    "covering_radius",
    "maximal_rotation",
    "nearest_rotation",
    "procrustes",
    "rigid_alignment",
    "rotation_correlation",
    "rotation_grid",
    "similarity_alignment",
    "transport_plan",
]
