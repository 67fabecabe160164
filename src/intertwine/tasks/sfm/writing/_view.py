"""What the page of a scene draws of a part: points, and the places and axes of cameras."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.tasks.sfm._projective_reconstruction import ProjectiveReconstruction
from intertwine.tasks.sfm._reconstruction import Reconstruction

_FARTHEST = 20.0
"""In standard deviations of the points: projective cameras may be anywhere, and those beyond are not drawn."""


class View(NamedTuple):
    """Points ``(n, 3)``, numbers of the cameras ``(m,)``, their centers ``(m, 3)``, and axes, rows of ``(m, 3, 3)``."""

    points: Tensor
    cameras: Tensor
    centers: Tensor
    axes: Tensor


def metric_view(part: Reconstruction) -> View:
    """All points and cameras of a part, as they are."""
    cameras = part.registered.nonzero()[:, 0]
    points = part.points[part.points.isfinite().all(1)]
    return View(points, cameras, part.centers[cameras], part.rotations[cameras])


def projective_view(part: ProjectiveReconstruction) -> View:
    """A part in the affine frame in which its points have mean zero and the covariance 1, and most cameras turn right.

    With points ``x = A y + m`` a camera ``P = [M | p]`` is ``[M A | M m + p]`` in the new frame: its center is
    ``-(M A)^-1 (M m + p)``, its axes are the rotation R of ``M A = K R`` with K upper triangular (Hartley and
    Zisserman, 2004, section 6.2.4). Cameras farther than 20 standard deviations away are left out.
    """
    cameras = part.registered.nonzero()[:, 0]
    points = part.points[part.points.isfinite().all(1)]
    mean = points.mean(0)
    values, vectors = torch.linalg.eigh((points - mean).T.cov(correction=0))
    roots = values.clamp_min(1e-12 * float(values[-1])).sqrt()
    M, p = part.projections[cameras, :, :3], part.projections[cameras, :, 3]
    frame = vectors * roots * torch.linalg.det(M @ (vectors * roots)).sign().median().sign()
    seen = M @ frame
    centers = -torch.linalg.solve(seen, (M @ mean + p)[..., None])[..., 0]
    near = centers.norm(dim=1) < _FARTHEST
    return View(torch.linalg.solve(frame, (points - mean).T).T, cameras[near], centers[near], _axes(seen[near]))


def _axes(matrices: Tensor) -> Tensor:
    """The rotation R of K R with K upper triangular: rows by Gram and Schmidt, from the third to the first."""
    third = torch.nn.functional.normalize(matrices[:, 2], dim=1)
    along = (matrices[:, 1] * third).sum(1, keepdim=True)
    second = torch.nn.functional.normalize(matrices[:, 1] - along * third, dim=1)
    return torch.stack([torch.linalg.cross(second, third), second, third], 1)
