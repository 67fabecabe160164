"""Synthetic scenes: a cloud of points and a ring of cameras that look at it, noise and wrong observations."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import CameraPoses, Tracks


def synthetic_tracks(
    num_cameras: int = 10,
    num_points: int = 200,
    *,
    visible: float = 0.4,
    noise: float = 0.5,
    outliers: float = 0.0,
    seed: int = 0,
) -> tuple[Tracks, Tensor]:
    """A random scene with a known answer.

    Cameras of focal length 1200 pixels and 1600 x 1200 pixels stand on an arc of up to 120 degrees at 3 to 5 units from
    the origin, and look about there; points fill a ball of radius 1 and are seen by chance.

    Args:
        num_cameras: At least 2.
        num_points: How many points.
        visible: The share of the cameras that sees a point, above 0 and at most 1; each point is seen at least twice.
        noise: Standard deviation of the observations, pixels.
        outliers: The share of wrong observations.
        seed: Of everything random.

    Returns:
        The tracks, with the true poses, and the true points ``(num_points, 3)``.

    Example:
        >>> tracks, points = synthetic_tracks(5, 50)
        >>> tracks.num_cameras, len(points)
        (5, 50)
    """
    if num_cameras < 2 or num_points < 1 or not 0 < visible <= 1:
        raise UsageError(
            "a synthetic scene expects at least 2 cameras, 1 point and a visible share above 0 and at most 1, "
            f"got {num_cameras}, {num_points} and {visible}"
        )
    random = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    points = torch.nn.functional.normalize(torch.randn(num_points, 3, generator=random, dtype=torch.float64), dim=1)
    points = points * uniform(num_points, 1) ** (1 / 3)
    poses = _arc(num_cameras, uniform)
    intrinsics = torch.tensor([[1200.0, 0, 800], [0, 1200, 600], [0, 0, 1]], dtype=torch.float64)
    chance = uniform(num_cameras, num_points)
    ranks = chance.argsort(0).argsort(0)
    camera, point = ((chance < visible) | (ranks < 2)).nonzero(as_tuple=True)
    seen = torch.einsum("nij,nj->ni", poses.rotations[camera], points[point]) + poses.translations[camera]
    xy = seen[:, :2] / seen[:, 2:] * 1200 + intrinsics[:2, 2]
    xy = xy + noise * torch.randn(len(xy), 2, generator=random, dtype=torch.float64)
    tracks = Tracks(
        camera,
        point,
        xy,
        intrinsics.expand(num_cameras, 3, 3).clone(),
        [f"camera{i:03d}" for i in range(num_cameras)],
        num_points,
        torch.tensor([1600, 1200]).expand(num_cameras, 2).clone(),
        poses,
    )
    return (with_outliers(tracks, outliers, seed=seed) if outliers else tracks), points


def _arc(num_cameras: int, uniform: object) -> CameraPoses:
    assert callable(uniform), "a function of a shape"
    angles = (uniform(num_cameras) - 0.5) * 2.1
    heights = (uniform(num_cameras) - 0.5) * 1.5
    distances = 3 + 2 * uniform(num_cameras)
    centers = torch.stack([distances * angles.sin(), heights, -distances * angles.cos()], 1)
    forward = torch.nn.functional.normalize(0.3 * (uniform(num_cameras, 3) - 0.5) - centers, dim=1)
    down = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64) + 0.3 * (uniform(num_cameras, 3) - 0.5)
    right = torch.nn.functional.normalize(torch.linalg.cross(down, forward), dim=1)
    rotations = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    return CameraPoses(rotations, -(rotations @ centers[..., None])[..., 0])


def with_outliers(tracks: Tracks, share: float, *, seed: int = 0) -> Tracks:
    """The same scene, in which a share of the observations stands at random places of the image.

    Args:
        tracks: The scene.
        share: Of the observations, within 0 .. 1.
        seed: Of the choice and the places.

    Raises:
        UsageError: The share is not within 0 .. 1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of wrong observations expects a number within 0 .. 1, got {share}")
    random = torch.Generator().manual_seed(seed)
    wrong = torch.randperm(len(tracks.camera), generator=random)[: round(share * len(tracks.camera))]
    places = torch.rand(len(wrong), 2, generator=random, dtype=torch.float64)
    sizes = 2 * tracks.intrinsics[:, :2, 2] if tracks.sizes is None else tracks.sizes.double()
    xy = tracks.xy.clone()
    xy[wrong] = places * sizes[tracks.camera[wrong]]
    return tracks.replaced(xy=xy)
