"""A reconstruction: poses of cameras, points, and the observations that agree with them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.data.tracks import Tracks
from intertwine.ops.cameras import camera_centers, reprojection_residuals


@dataclass(frozen=True)
class Reconstruction:
    """Cameras and points of one connected part of a scene; NaN for what is not in it.

    Attributes:
        tracks: What it was made from.
        rotations: ``(cameras, 3, 3)`` float64, poses ``x -> R x + t``.
        translations: ``(cameras, 3)``.
        points: ``(points, 3)``.
        inliers: ``(N,)`` bool, the observations that agree.
        method: What gave the start of the bundle adjustment: "geometry" or "network".
        start_error: The mean reprojection error before bundle adjustment, pixels: of each camera as it was registered,
            or of the poses of the network.
    """

    tracks: Tracks
    rotations: Tensor
    translations: Tensor
    points: Tensor
    inliers: Tensor
    method: str = "geometry"
    start_error: float = float("nan")

    @property
    def registered(self) -> Tensor:
        """``(cameras,)`` bool, the cameras in it."""
        return self.translations.isfinite().all(1)

    @property
    def centers(self) -> Tensor:
        """``(cameras, 3)``, the positions of the cameras."""
        return camera_centers(self.rotations, self.translations)

    def errors(self) -> Tensor:
        """``(inliers,)``, the distance of each projection from its observation, pixels."""
        tracks, keep = self.tracks, self.inliers
        residuals, _ = reprojection_residuals(
            self.rotations,
            self.translations,
            self.points,
            tracks.camera[keep],
            tracks.point[keep],
            tracks.normalized()[keep],
            tracks.focal()[keep],
        )
        errors: Tensor = residuals.norm(dim=1)
        return errors

    @property
    def reprojection_error(self) -> float:
        """The mean over inliers of the distance between projection and observation, pixels."""
        return float(self.errors().mean()) if bool(self.inliers.any()) else float("nan")

    def flatness(self) -> float:
        """The least over the middle spread of the points: near zero for a plane."""
        points = self.points[self.points.isfinite().all(1)]
        middle = points.median(0).values
        distance = (points - middle).norm(dim=1)
        near = points[distance <= 3 * distance.median()]
        spread = torch.linalg.svdvals(near - near.mean(0))
        return float(spread[2] / spread[1].clamp_min(1e-300)) if len(near) >= 4 else 0.0


@dataclass(frozen=True)
class Scene:
    """All that was reconstructed from the tracks of a scene.

    Attributes:
        tracks: The tracks.
        parts: One reconstruction for each connected part, the largest first.
        remarks: What was left out and why, a sentence each.
    """

    tracks: Tracks
    parts: tuple[Reconstruction, ...]
    remarks: tuple[str, ...]
