"""Alignment of corresponding vectors and points: Procrustes problems with a safe derivative."""

from intertwine.ops.alignment._alignment import (
    RigidMotion,
    Similarity,
    procrustes,
    rigid_alignment,
    similarity_alignment,
)
from intertwine.ops.alignment._procrustes import nearest_rotation

__all__ = [
    "RigidMotion",
    "Similarity",
    "nearest_rotation",
    "procrustes",
    "rigid_alignment",
    "similarity_alignment",
]
