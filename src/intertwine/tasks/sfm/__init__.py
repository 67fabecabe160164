"""Structure from motion: cameras and points from tracks.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.tasks.sfm._evaluation import PoseErrors, pose_errors
    from intertwine.tasks.sfm._kept_solvers import check_solver
    from intertwine.tasks.sfm._network_start import NetworkStart
    from intertwine.tasks.sfm._projective_reconstruction import ProjectiveReconstruction
    from intertwine.tasks.sfm._projective_structure_from_motion import (
        ProjectiveScene,
        projective_structure_from_motion,
    )
    from intertwine.tasks.sfm._reconstruction import Reconstruction, Scene
    from intertwine.tasks.sfm._structure_from_motion import structure_from_motion
    from intertwine.tasks.sfm._task import SfmTask
    from intertwine.tasks.sfm.writing import write_projective_scene, write_scene

_HOMES = {
    "NetworkStart": "_network_start",
    "PoseErrors": "_evaluation",
    "ProjectiveReconstruction": "_projective_reconstruction",
    "ProjectiveScene": "_projective_structure_from_motion",
    "Reconstruction": "_reconstruction",
    "Scene": "_reconstruction",
    "SfmTask": "_task",
    "projective_structure_from_motion": "_projective_structure_from_motion",
    "check_solver": "_kept_solvers",
    "pose_errors": "_evaluation",
    "structure_from_motion": "_structure_from_motion",
    "write_projective_scene": "writing",
    "write_scene": "writing",
}

__all__ = [
    "NetworkStart",
    "PoseErrors",
    "ProjectiveReconstruction",
    "ProjectiveScene",
    "Reconstruction",
    "Scene",
    "SfmTask",
    "check_solver",
    "pose_errors",
    "projective_structure_from_motion",
    "structure_from_motion",
    "write_projective_scene",
    "write_scene",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
