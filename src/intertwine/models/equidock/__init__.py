"""EquiDock: rigid docking of two proteins by invariant message passing, keypoints and a Procrustes alignment."""

from intertwine.models.equidock._facing import face
from intertwine.models.equidock._layer import IEGMNLayer
from intertwine.models.equidock._losses import intersection_loss, keypoint_loss, site_loss
from intertwine.models.equidock._network import DockedPose, EquiDock
from intertwine.models.equidock._residue_graph import ResidueGraph, residue_frames, residue_graph
from intertwine.models.equidock._separation import separate

__all__ = [
    "DockedPose",
    "EquiDock",
    "IEGMNLayer",
    "ResidueGraph",
    "face",
    "intersection_loss",
    "keypoint_loss",
    "residue_frames",
    "residue_graph",
    "separate",
    "site_loss",
]
