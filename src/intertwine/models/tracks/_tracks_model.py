"""Base of the networks that find cameras and points from tracks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softsign

from intertwine._errors import UsageError
from intertwine.actions import Action, Array, TupleAction
from intertwine.nn import ObservedEntries

CALIBRATED, PROJECTIVE = "calibrated", "projective"
_DET_SCALE = 1e4


class CamerasAndPoints(NamedTuple):
    """Cameras and points of a scene.

    Attributes:
        projections: ``(cameras, 3, 4)``, ``x -> P (x, 1)`` to homogeneous coordinates of the image plane; calibrated
            cameras have ``P = (R | t)`` with a rotation R.
        points: ``(points, 3)``.
    """

    projections: Tensor
    points: Tensor


class TracksModel(nn.Module, ABC):
    """From tracks to the cameras and points of a scene.

    Args:
        cameras: "calibrated" or "projective".

    Raises:
        UsageError: The kind of cameras is not known.

    Law: permuted cameras and points permute the outputs.
    """

    def __init__(self, cameras: str) -> None:
        super().__init__()
        if cameras not in (CALIBRATED, PROJECTIVE):
            raise UsageError(f'cameras are "{CALIBRATED}" or "{PROJECTIVE}", got "{cameras}"')
        self.cameras = cameras

    @property
    def action_in(self) -> Action:
        """The permutations of cameras and points."""
        return Array("cameras points .", None, (2,))

    @property
    def action_out(self) -> Action:
        """Cameras and points are permuted."""
        return TupleAction(Array("cameras . .", None, (3, 4)), Array("points .", None, (3,)))

    @abstractmethod
    def forward(self, xy: Tensor, entries: ObservedEntries) -> CamerasAndPoints:
        """Find cameras and points.

        Args:
            xy: ``(E, 2)``, observations, normalized by the inverse of the intrinsics (calibrated), or to zero mean and
                a mean distance of the square root of 2 in each image (projective).
            entries: Which camera sees which point, cameras first.
        """


def check_size(layers: int, hidden: int) -> None:
    """Raise a `UsageError` where there is no layer or channel."""
    if layers < 1 or hidden < 1:
        raise UsageError(f"expected at least one layer and one channel, got {layers} and {hidden}")


def projective_cameras(outputs: Tensor) -> Tensor:
    """Matrices ``(m, 3, 4)`` of ``(m, 12)``, scaled to ``P softsign(10^4 det P_{:3}) / |P_{3,:3}|``."""
    matrices = outputs.view(-1, 3, 4)
    sign: Tensor = softsign(_DET_SCALE * torch.linalg.det(matrices[:, :, :3]))
    scale: Tensor = sign / matrices[:, 2, :3].norm(dim=1)
    return matrices * scale[:, None, None]


def perceptron_head(channels: int, outputs: int) -> nn.Sequential:
    """Three layers after a rectifier."""
    return nn.Sequential(
        nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(),
        nn.Linear(channels, outputs),
    )  # fmt: skip
