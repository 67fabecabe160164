"""Random scenes: what is seen follows from the poses, all kinds occur, and a seed gives a scene again."""

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks import _random_scene as module
from intertwine.data.tracks import random_scene


@pytest.mark.parametrize("kind", module._KINDS, ids=lambda kind: kind.__name__)
def test_observations_are_projections_of_points(kind, monkeypatch):
    monkeypatch.setattr(module, "_KINDS", (kind,))
    scene = random_scene(8, seed=3)
    assert 4 <= scene.num_cameras <= 8
    rotations, translations = scene.poses
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).double().expand_as(rotations))
    assert bool((torch.bincount(scene.point, minlength=scene.num_points) >= 2).all())
    rays = torch.cat([scene.normalized(), torch.ones(len(scene.xy), 1).double()], 1)
    rays = (rotations.mT[scene.camera] @ rays[..., None])[..., 0]
    rays = rays / rays.norm(dim=1, keepdim=True)
    centers = -(rotations.mT @ translations[..., None])[..., 0]
    across = torch.eye(3).double() - rays[:, :, None] * rays[:, None]
    normal = torch.zeros(scene.num_points, 3, 3).double().index_add_(0, scene.point, across)
    side = torch.zeros(scene.num_points, 3).double()
    side.index_add_(0, scene.point, (across @ centers[scene.camera, :, None])[..., 0])
    points = torch.linalg.lstsq(normal, side[..., None]).solution[..., 0]  # nearest to the rays
    spots = (rotations[scene.camera] @ points[scene.point, :, None])[..., 0] + translations[scene.camera]
    error = (1000 * (spots[:, :2] / spots[:, 2:] - scene.normalized())).norm(dim=1)
    assert error.median() < 1


def test_a_seed_gives_a_scene_again():
    one, again, other = (random_scene(6, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.xy, again.xy)
    assert one.xy.shape != other.xy.shape or not torch.equal(one.xy, other.xy)
    with pytest.raises(UsageError, match="at least 4"):
        random_scene(3)


def test_cameras_stand_before_a_facade_with_extent():
    for seed in range(8):
        place = module._facade(6, module._Random(seed))
        assert place.centers[:, 2].max() < place.points[:, 2].min()
        assert (place.points[:, :2].amin(0) < -0.3).all()
        assert (place.points[:, :2].amax(0) > 0.3).all()
