"""Errors of a reconstruction against known poses, after the best similarity."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data.tracks import CameraPoses
from intertwine.ops import nearest_rotation, similarity_alignment
from intertwine.ops.cameras import camera_centers
from intertwine.tasks.sfm._reconstruction import Reconstruction


class PoseErrors(NamedTuple):
    """Errors of the cameras of a reconstruction.

    Attributes:
        rotation: ``(registered,)``, degrees.
        position: ``(registered,)``, in the unit of the known poses.
    """

    rotation: Tensor
    position: Tensor


def pose_errors(reconstruction: Reconstruction, truth: CameraPoses) -> PoseErrors:
    r"""The errors of rotations after the best rotation, and of positions after the best similarity, of the world.

    .. math:: \theta_i = \angle(R_i^{true}, R_i Q^T), \qquad
        Q = \arg\min_Q \sum_i \lVert R_i^{true} Q - R_i \rVert^2

    Args:
        reconstruction: The poses.
        truth: The known poses of all cameras.
    """
    keep = reconstruction.registered
    rotations, known = reconstruction.rotations[keep], truth.rotations[keep]
    turn = nearest_rotation((known.mT @ rotations).sum(0))
    relative = known @ turn @ rotations.mT
    sine = (relative - torch.eye(3, dtype=relative.dtype)).flatten(1).norm(dim=1) / 8**0.5
    centers, goals = reconstruction.centers[keep], camera_centers(*truth)[keep]
    fit = similarity_alignment(centers, goals)
    moved = fit.scale * centers @ fit.rotation.mT + fit.translation
    return PoseErrors(2 * torch.asin(sine.clamp(max=1)).rad2deg(), (moved - goals).norm(dim=1))
