"""Scenes of other kinds, 30 % of their observations wrong: around an object, a corridor, a long lens, from the air."""

import pytest
import torch
from torch.nn.functional import normalize

from intertwine.data.tracks import CameraPoses, Tracks, with_outliers
from intertwine.tasks.sfm import pose_errors, structure_from_motion

pytest.importorskip("cv2")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def uniform(*shape, seed=0):
    return 2 * torch.rand(*shape, generator=seeded(seed), dtype=torch.float64) - 1


def looking(centers, targets):
    """Poses of cameras that look at targets, the image's vertical near the second axis."""
    forward = normalize(targets - centers, dim=1)
    down = torch.tensor([0.0, 1.0, 0.02], dtype=torch.float64).expand_as(forward)
    right = normalize(torch.linalg.cross(down, forward), dim=1)
    rotations = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    return CameraPoses(rotations, -(rotations @ centers[..., None])[..., 0])


def tracks_of(points, centers, targets, focal, *, normals=None, farthest=1e9, kept=0.7):
    """What cameras of 1600 x 1200 pixels see, half a pixel of noise, 30 % at random places."""
    poses = looking(centers, targets)
    seen = torch.einsum("mij,nj->mni", poses.rotations, points) + poses.translations[:, None]
    xy = seen[..., :2] / seen[..., 2:] * focal + torch.tensor([800.0, 600.0])
    inside = (xy > 0).all(-1) & (xy < torch.tensor([1600.0, 1200.0])).all(-1)
    visible = inside & (seen[..., 2] > 0.1) & (seen[..., 2] < farthest)
    if normals is not None:
        visible &= (normalize(centers[:, None] - points, dim=-1) * normals).sum(-1) > 0.3
    visible &= torch.rand(visible.shape, generator=seeded(5)) < kept
    camera, point = visible.nonzero(as_tuple=True)
    matrix = torch.tensor([[focal, 0, 800], [0, focal, 600], [0, 0, 1]], dtype=torch.float64)
    count = len(centers)
    tracks = Tracks(
        camera, point, xy[camera, point] + 0.5 * randn(len(camera), 2, seed=6), matrix.repeat(count, 1, 1),
        [f"{i}.jpg" for i in range(count)], len(points), torch.tensor([[1600, 1200]]).repeat(count, 1), poses,
    )  # fmt: skip
    return with_outliers(tracks, 0.3)


def ring():
    """A ball with a rough surface, from all sides: no camera sees what those opposite see."""
    normals = normalize(randn(900, 3), dim=1)
    angles = torch.arange(18) * torch.pi / 9
    centers = 4 * torch.stack([angles.sin(), 0.1 * (3 * angles).sin(), angles.cos()], 1).double()
    return tracks_of(normals * (1 + 0.1 * randn(900, 1, seed=1)), centers, 0 * centers, 1200.0, normals=normals)


def corridor():
    """Forward motion between two walls."""
    places = uniform(800, 3)
    points = torch.stack([torch.where(places[:, 0] > 0, 1.5, -1.5), 1.2 * places[:, 1], 8 + 8 * places[:, 2]], 1)
    points = points + 0.05 * randn(800, 3)
    centers = torch.stack([0.05 * randn(10), 0.05 * randn(10, seed=1), torch.arange(10) * 0.5], 1)
    return tracks_of(points, centers, centers + torch.tensor([0.0, 0.0, 5.0]), 900.0, farthest=12)


def long_lens():
    """A small angle of view, 60 units away."""
    angles = torch.linspace(-0.25, 0.25, 8).double()
    centers = 60 * torch.stack([angles.sin(), 0.05 * randn(8), -angles.cos()], 1)
    return tracks_of(randn(500, 3) * torch.tensor([3.0, 2.0, 3.0]), centers, 0 * centers, 9000.0)


def air():
    """Ground with low relief, from above."""
    ground = 30 * uniform(1200, 2)
    points = torch.stack([ground[:, 0], 4 * uniform(1200).abs() ** 3, ground[:, 1]], 1)
    place = torch.arange(16)
    centers = torch.stack([(place % 4) * 8.0 - 12, torch.full((16,), 30.0), (place // 4) * 8.0 - 12], 1).double()
    centers = centers + 0.5 * randn(16, 3)
    targets = centers * torch.tensor([1.0, 0.0, 1.0]) + randn(16, 3, seed=1) * torch.tensor([1.0, 0.0, 1.0])
    return tracks_of(points, centers, targets, 1000.0)


@pytest.mark.parametrize("make", [ring, corridor, long_lens, air])
def test_is_found_with_wrong_observations(make):
    tracks = make()
    scene = structure_from_motion(tracks)
    (part,) = scene.parts
    assert bool(part.registered.all())
    assert part.reprojection_error < 0.8
    assert pose_errors(part, tracks.poses).rotation.max() < 0.3
