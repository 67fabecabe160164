"""Lens distortion of COLMAP's camera models, and its inverse."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError

_MOST_STEPS = 50


class CameraModel(NamedTuple):
    """A camera model of COLMAP.

    Attributes:
        number: In binary files and databases.
        focals: How many focal lengths lead the parameters, 1 or 2; the principal point follows, then the distortion.
        distortion: How many parameters of distortion there are.
    """

    number: int
    focals: int
    distortion: int

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.focals + 2 + self.distortion


CAMERA_MODELS = {
    "SIMPLE_PINHOLE": CameraModel(0, 1, 0),
    "PINHOLE": CameraModel(1, 2, 0),
    "SIMPLE_RADIAL": CameraModel(2, 1, 1),
    "RADIAL": CameraModel(3, 1, 2),
    "OPENCV": CameraModel(4, 2, 4),
    "OPENCV_FISHEYE": CameraModel(5, 2, 4),
    "FULL_OPENCV": CameraModel(6, 2, 8),
    "FOV": CameraModel(7, 2, 1),
    "SIMPLE_RADIAL_FISHEYE": CameraModel(8, 1, 1),
    "RADIAL_FISHEYE": CameraModel(9, 1, 2),
    "THIN_PRISM_FISHEYE": CameraModel(10, 2, 8),
}
"""The camera models by their names."""


def intrinsic_matrix(model: str, params: Tensor) -> Tensor:
    """The matrix ``K``, ``(3, 3)``, of a camera without its distortion."""
    focals = CAMERA_MODELS[model].focals
    matrix = torch.eye(3, dtype=params.dtype)
    matrix[0, 0], matrix[1, 1] = params[0], params[focals - 1]
    matrix[:2, 2] = params[focals : focals + 2]
    return matrix


def distorted(model: str, params: Tensor, xy: Tensor) -> Tensor:
    """Where a lens moves points of the normalized image plane: ``(N, 2)`` to ``(N, 2)``.

    Args:
        model: One of `CAMERA_MODELS`.
        params: All parameters of the camera, in COLMAP's order.
        xy: Undistorted, in units of the focal length.
    """
    k = params[CAMERA_MODELS[model].focals + 2 :]
    if not len(k):
        return xy
    if model == "FOV":
        radius = xy.norm(dim=1, keepdim=True).clamp_min(1e-12)
        if abs(float(k[0])) < 1e-9:
            return xy
        angle: Tensor = torch.atan(2 * radius * torch.tan(k[0] / 2))
        scale: Tensor = angle / (k[0] * radius)
        return xy * scale
    if model.endswith("FISHEYE"):
        radius = xy.norm(dim=1, keepdim=True).clamp_min(1e-12)
        xy = xy * (torch.atan(radius) / radius)
    return _polynomial(model, k, xy)


def _polynomial(model: str, k: Tensor, xy: Tensor) -> Tensor:
    r2 = xy.square().sum(1, keepdim=True)
    if model in ("SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "OPENCV_FISHEYE"):
        factor = torch.ones_like(r2)
        for power, coefficient in enumerate(k, 1):
            factor = factor + coefficient * r2**power
        return xy * factor
    x, y = xy[:, :1], xy[:, 1:]
    tangential = torch.cat(
        [2 * k[2] * x * y + k[3] * (r2 + 2 * x * x), 2 * k[3] * x * y + k[2] * (r2 + 2 * y * y)], dim=1
    )
    radial = 1 + k[0] * r2 + k[1] * r2**2
    if model == "FULL_OPENCV":
        radial = (radial + k[4] * r2**3) / (1 + k[5] * r2 + k[6] * r2**2 + k[7] * r2**3)
    elif model == "THIN_PRISM_FISHEYE":
        radial = radial + k[4] * r2**3 + k[5] * r2**4
        tangential = tangential + r2 * k[6:8]
    return xy * radial + tangential


def undistorted(model: str, params: Tensor, pixels: Tensor) -> Tensor:
    """Pixels as a camera without distortion of the same intrinsics would have seen them.

    Newton's method on the distortion, from the distorted point; all points at once.

    Args:
        model: One of `CAMERA_MODELS`.
        params: The parameters in COLMAP's order, float64.
        pixels: ``(N, 2)`` float64, as observed.

    Returns:
        ``(N, 2)``; NaN where no undistorted point is found, as beyond the field where the distortion can be inverted.

    Raises:
        UsageError: There is no such model, or it has another number of parameters.

    Example:
        >>> params = torch.tensor([500.0, 320.0, 240.0, -0.1], dtype=torch.float64)
        >>> undistorted("SIMPLE_RADIAL", params, torch.tensor([[320.0, 240.0]], dtype=torch.float64)).tolist()
        [[320.0, 240.0]]
    """
    if model not in CAMERA_MODELS:
        raise UsageError(f'camera model "{model}" is not known; expected one of {", ".join(CAMERA_MODELS)}')
    if len(params) != CAMERA_MODELS[model].size:
        raise UsageError(f"{model} has {CAMERA_MODELS[model].size} parameters, got {len(params)}")
    if not CAMERA_MODELS[model].distortion or not len(pixels):
        return pixels
    matrix = intrinsic_matrix(model, params)
    focal, center = matrix.diagonal()[:2], matrix[:2, 2]
    goal = (pixels - center) / focal
    found = goal.clone()
    for _ in range(_MOST_STEPS):
        change, _ = _newton_step(model, params, found, goal)
        found = found - change
        if bool((change.abs() < 1e-12).all()):
            break
    change, determinant = _newton_step(model, params, found, goal)
    same_side = ((found * goal).sum(1) >= 0) & (determinant > 0)
    good = ((change.abs() < 1e-8).all(1) & same_side)[:, None]
    return torch.where(good, found * focal + center, torch.nan)


def _newton_step(model: str, params: Tensor, xy: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """The step ``(N, 2)`` that is taken away, and the determinant ``(N,)`` of the derivative of the distortion."""
    width = 1e-6
    steps = width * torch.eye(2, dtype=xy.dtype)
    columns = [distorted(model, params, xy + step) - distorted(model, params, xy - step) for step in steps]
    (a, b), (c, d) = ((torch.stack(columns, 2) / (2 * width)).unbind(1)[row].unbind(1) for row in (0, 1))
    determinant = a * d - b * c
    x, y = (distorted(model, params, xy) - goal).unbind(1)
    change = torch.stack([d * x - b * y, a * y - c * x], 1)
    return change / torch.where(determinant.abs() > 1e-9, determinant, 1.0)[:, None], determinant
