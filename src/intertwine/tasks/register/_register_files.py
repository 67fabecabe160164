"""Registration of two files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data import Cloud, read_cloud
from intertwine.ops.registration import Registration, register


class RegisteredFiles(NamedTuple):
    """The points of two files and the motion of the first onto the second."""

    clouds: tuple[Cloud, Cloud]
    registration: Registration


def register_files(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    scale: bool = False,
    exhaustive: bool = False,
    method: Callable[[Tensor, Tensor], Registration] | None = None,
) -> RegisteredFiles:
    """The motion between two files of meshes or point clouds.

    Args:
        first: What moves.
        second: What stays.
        scale: Whether to estimate the ratio of their scales as well.
        exhaustive: Whether to search all of SE(3) as well.
        method: What registers two clouds ``(N, 3)`` in one scale, such as that of a `RegisterPredictor`; `register`
            if None.

    Raises:
        UsageError: A file is missing or cannot be read.
    """
    clouds = read_cloud(first), read_cloud(second, seed=1)
    first_points, second_points = (torch.from_numpy(cloud.points) for cloud in clouds)
    if method is not None:
        return RegisteredFiles(clouds, method(first_points, second_points))
    return RegisteredFiles(clouds, register(first_points, second_points, scale=scale, exhaustive=exhaustive))
