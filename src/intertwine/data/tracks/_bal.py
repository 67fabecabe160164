"""Problems of Bundle Adjustment in the Large (BAL): observations, cameras and points as text."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import CameraPoses, Tracks
from intertwine.ops.cameras import matrix_from_rotation_vector, undistorted

_OPENERS = {".bz2": bz2.open, ".gz": gzip.open}


def read_bal(path: Path) -> Tracks:
    """The tracks of a BAL problem, with its poses; its cameras look along -z with y up, ours along z with y down.

    Args:
        path: Text, also compressed as .bz2 or .gz.

    Raises:
        UsageError: The numbers are not what the first line says.

    Reference: Agarwal et al., Bundle Adjustment in the Large, ECCV 2010.
    """
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            values = np.array(file.read().split(), dtype=np.float64)
        cameras, points, count = (int(value) for value in values[:3])
        size = 3 + 4 * count + 9 * cameras + 3 * points
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: expected a BAL problem: three counts, then numbers ({error})") from None
    if min(cameras, points, count) < 1 or len(values) != size:
        raise UsageError(
            f"{path}: {cameras} cameras, {points} points and {count} observations are {size:,} numbers in a BAL "
            f"problem, got {len(values):,}"
        )
    table = torch.from_numpy(values[3 : 3 + 4 * count].reshape(-1, 4))
    params = torch.from_numpy(values[3 + 4 * count : 3 + 4 * count + 9 * cameras].reshape(-1, 9))
    flip = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    camera = table[:, 0].long()
    xy = _undistort(params, camera, table[:, 2:] * flip[:2])
    good = xy.isfinite().all(1)
    lost = int((~good).sum())
    intrinsics = torch.eye(3, dtype=torch.float64).repeat(cameras, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = params[:, 6]
    poses = CameraPoses(flip[:, None] * matrix_from_rotation_vector(params[:, :3]), flip * params[:, 3:6])
    return Tracks(
        camera[good],
        table[good, 1].long(),
        xy[good],
        intrinsics,
        [f"camera{i:04d}" for i in range(cameras)],
        points,
        None,
        poses,
        (f"{lost:,} observations left out: their distortion cannot be undone",) if lost else (),
    )


def _undistort(params: Tensor, camera: Tensor, xy: Tensor) -> Tensor:
    result = xy.clone()
    for number, (focal, first, second) in enumerate(params[:, 6:].tolist()):
        model = torch.tensor([focal, 0.0, 0.0, first, second], dtype=torch.float64)
        result[camera == number] = undistorted("RADIAL", model, xy[camera == number])
    return result
