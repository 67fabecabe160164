"""Tracks of one scene: who sees what where, the intrinsics, and poses where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError


class CameraPoses(NamedTuple):
    """Poses ``x -> R x + t`` from the world to the frames of cameras.

    Attributes:
        rotations: ``(cameras, 3, 3)`` float64.
        translations: ``(cameras, 3)`` float64.
    """

    rotations: Tensor
    translations: Tensor


@dataclass(frozen=True)
class Tracks:
    """Observations of the points of one scene by pinhole cameras without distortion.

    Attributes:
        camera: ``(N,)`` int64, the camera of each observation.
        point: ``(N,)`` int64, its track.
        xy: ``(N, 2)`` float64, pixels, distortion undone.
        intrinsics: ``(cameras, 3, 3)`` float64, the matrices ``K``.
        names: Of the cameras, such as the names of their image files.
        num_points: How many tracks there are.
        sizes: ``(cameras, 2)``, width and height in pixels; None if not known.
        poses: Known poses to compare with; None if there are none.
        remarks: What the reader left out or changed, a sentence each.

    Raises:
        UsageError: The shapes do not fit, an index is out of range, or the intrinsics are singular or not finite.
    """

    camera: Tensor
    point: Tensor
    xy: Tensor
    intrinsics: Tensor
    names: Sequence[str]
    num_points: int
    sizes: Tensor | None = None
    poses: CameraPoses | None = None
    remarks: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        count = len(self.camera)
        if self.camera.shape != (count,) or self.point.shape != (count,) or self.xy.shape != (count, 2):
            raise UsageError(
                "tracks expect camera (N,), point (N,) and xy (N, 2), got "
                f"{tuple(self.camera.shape)}, {tuple(self.point.shape)} and {tuple(self.xy.shape)}"
            )
        if self.intrinsics.shape != (len(self.names), 3, 3):
            raise UsageError(
                f"tracks of {len(self.names)} cameras expect intrinsics ({len(self.names)}, 3, 3), "
                f"got {tuple(self.intrinsics.shape)}"
            )
        for name, index, size in (("camera", self.camera, len(self.names)), ("point", self.point, self.num_points)):
            if count and not (int(index.min()) >= 0 and int(index.max()) < size):
                raise UsageError(
                    f"tracks expect {name} within 0 .. {size - 1}, got {int(index.min())} .. {int(index.max())}"
                )
        for name, matrix in zip(self.names, self.intrinsics, strict=True):
            if not bool(matrix.isfinite().all()) or not bool((matrix.diagonal() > 0).all()):
                raise UsageError(
                    f"{name}: the intrinsics expect finite numbers and focal lengths above 0, got {matrix.tolist()}"
                )

    @property
    def num_cameras(self) -> int:
        """How many cameras there are."""
        return len(self.names)

    def normalized(self) -> Tensor:
        """``(N, 2)``, the observations on the image plane at distance 1, ``K^-1 (x, y, 1)``."""
        rays = torch.cat([self.xy, torch.ones_like(self.xy[:, :1])], 1)
        seen: Tensor = torch.linalg.solve(self.intrinsics[self.camera], rays[..., None])[..., 0]
        return seen[:, :2] / seen[:, 2:]

    def focal(self) -> Tensor:
        """``(N, 2)``, the focal lengths of the camera of each observation, pixels."""
        return self.intrinsics.diagonal(dim1=1, dim2=2)[self.camera, :2]

    def select(self, keep: Tensor) -> Tracks:
        """The same scene with some of the observations: ``(N,)`` bool or int64."""
        return self.replaced(camera=self.camera[keep], point=self.point[keep], xy=self.xy[keep])

    def replaced(self, **changes: object) -> Tracks:
        """The same scene with some attributes replaced."""
        from dataclasses import replace

        return replace(self, **changes)  # type: ignore[arg-type]

    def permuted(self, cameras: Tensor, points: Tensor) -> Tracks:
        """The same scene with camera i at place ``cameras[i]`` and track j at ``points[j]``."""
        order = torch.argsort(cameras)
        poses = self.poses
        return self.replaced(
            camera=cameras[self.camera],
            point=points[self.point],
            intrinsics=self.intrinsics[order],
            names=[self.names[i] for i in order.tolist()],
            sizes=None if self.sizes is None else self.sizes[order],
            poses=None if poses is None else CameraPoses(poses.rotations[order], poses.translations[order]),
        )
