"""Registration of two files."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch

from intertwine.data import Cloud, read_cloud
from intertwine.ops.registration import Registration, register


class RegisteredFiles(NamedTuple):
    """The points of two files and the motion of the first onto the second."""

    clouds: tuple[Cloud, Cloud]
    registration: Registration


def register_files(
    first: str | os.PathLike[str], second: str | os.PathLike[str], *, scale: bool = False
) -> RegisteredFiles:
    """The motion between two files of meshes or point clouds.

    Args:
        first: What moves.
        second: What stays.
        scale: Whether to estimate the ratio of their scales as well.

    Raises:
        UsageError: A file is missing or cannot be read.
    """
    clouds = read_cloud(first), read_cloud(second, seed=1)
    points = (torch.from_numpy(cloud.points) for cloud in clouds)
    return RegisteredFiles(clouds, register(*points, scale=scale))
