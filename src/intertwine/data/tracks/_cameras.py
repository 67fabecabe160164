"""Cameras of files: a model with parameters, and observations without their distortion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import CameraPoses, Tracks
from intertwine.ops.cameras import CAMERA_MODELS, intrinsic_matrix, matrix_from_quaternion, undistorted


class FileCamera(NamedTuple):
    """A camera of COLMAP: its model, size and parameters."""

    model: str
    width: int
    height: int
    params: Tensor

    def matrix(self, name: str) -> Tensor:
        """``K``, ``(3, 3)``; an error names the camera when it cannot be used."""
        if self.model not in CAMERA_MODELS:
            raise UsageError(f'{name}: camera model "{self.model}" is not known; expected {", ".join(CAMERA_MODELS)}')
        if len(self.params) != CAMERA_MODELS[self.model].size:
            raise UsageError(
                f"{name}: {self.model} has {CAMERA_MODELS[self.model].size} parameters, got {len(self.params)}"
            )
        if not bool((self.params[: CAMERA_MODELS[self.model].focals] > 0).all()):
            raise UsageError(
                f"{name}: intrinsics are missing, the focal length is {self.params[0].item():g}; expected one above 0"
            )
        return intrinsic_matrix(self.model, self.params)


class FileImage(NamedTuple):
    """An image of COLMAP: its name, camera, pose as (qw, qx, qy, qz, tx, ty, tz), and the points it sees."""

    name: str
    camera: int
    pose: Tensor | None
    xy: Tensor
    point: Tensor


def tracks_from_images(source: str, cameras: dict[int, FileCamera], images: Sequence[FileImage]) -> Tracks:
    """The tracks of images, in the order of their names; keypoints of no track (a negative number) are left out.

    Raises:
        UsageError: There is no image, or one of a camera that is not there.
    """
    if not images:
        raise UsageError(f"{source}: no image in it; expected images with their tracks")
    images = sorted(images, key=lambda image: image.name)
    rows: list[Tensor] = []
    matrices, sizes, lost = [], [], 0
    for number, image in enumerate(images):
        if image.camera not in cameras:
            raise UsageError(f"{source}: image {image.name} is of camera {image.camera}, which is not in the file")
        camera = cameras[image.camera]
        matrices.append(camera.matrix(f"{source}, camera {image.camera}"))
        sizes.append([camera.width, camera.height])
        on_track = image.point >= 0
        xy = undistorted(camera.model, camera.params, image.xy[on_track])
        good = xy.isfinite().all(1)
        lost += int((~good).sum())
        points = image.point[on_track][good].double()
        rows.append(torch.cat([torch.full_like(points, number)[:, None], points[:, None], xy[good]], 1))
    table = torch.cat(rows)
    labels, point = table[:, 1].long().unique(return_inverse=True)
    poses = None
    if all(image.pose is not None for image in images):
        pose = torch.stack([image.pose for image in images if image.pose is not None])
        poses = CameraPoses(matrix_from_quaternion(pose[:, :4]), pose[:, 4:])
    remarks = (f"{lost:,} observations left out: their distortion cannot be undone",) if lost else ()
    return Tracks(
        table[:, 0].long(),
        point,
        table[:, 2:].contiguous(),
        torch.stack(matrices),
        [image.name for image in images],
        len(labels),
        torch.tensor(sizes),
        poses,
        remarks,
    )
