"""A projective reconstruction: 3 x 4 cameras, points, and the observations that agree with them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from intertwine.data.tracks import Tracks


@dataclass(frozen=True)
class ProjectiveReconstruction:
    """Projective cameras and points of one connected part of a scene; NaN for what is not in it.

    Attributes:
        tracks: What it was made from.
        projections: ``(cameras, 3, 4)`` float64, ``x -> P (x, 1)`` to homogeneous pixels; the first three numbers of
            the third row have norm one.
        points: ``(points, 3)``.
        inliers: ``(N,)`` bool, the observations that agree.
        method: What gave the start of the bundle adjustment: "geometry" or "network".
    """

    tracks: Tracks
    projections: Tensor
    points: Tensor
    inliers: Tensor
    method: str = "geometry"

    @property
    def registered(self) -> Tensor:
        """``(cameras,)`` bool, the cameras in it."""
        return self.projections.isfinite().all((1, 2))

    def errors(self) -> Tensor:
        """``(inliers,)``, the distance of each projection from its observation, pixels."""
        camera, point = self.tracks.camera[self.inliers], self.tracks.point[self.inliers]
        matrices = self.projections[camera]
        seen = (matrices[:, :, :3] @ self.points[point, :, None])[..., 0] + matrices[:, :, 3]
        errors: Tensor = (seen[:, :2] / seen[:, 2:] - self.tracks.xy[self.inliers]).norm(dim=1)
        return errors

    @property
    def reprojection_error(self) -> float:
        """The mean over inliers of the distance between projection and observation, pixels."""
        return float(self.errors().mean())
