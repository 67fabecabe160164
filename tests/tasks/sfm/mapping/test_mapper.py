"""The steps of a growing reconstruction, on a scene whose cameras and points are known."""

import math

import pytest
import torch

from intertwine.data.tracks import Tracks
from intertwine.ops.cameras import matrix_from_rotation_vector, ray_angles, reprojection_residuals
from intertwine.tasks.sfm.mapping._mapper import Mapper
from intertwine.tasks.sfm.mapping._network_start import network_input, verified_rows
from intertwine.tasks.sfm.mapping._two_view import (
    CameraPair,
    _candidates,
    _median_angle,
    _only_turned,
    _unit_rays,
    camera_pairs,
)

pytest.importorskip("cv2")

FOCAL = 500.0


def scene(cameras: int = 4, points: int = 40, seen=None) -> tuple[Tracks, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(points, 3, dtype=torch.float64, generator=generator)
    turns = 0.1 * torch.randn(cameras, 3, dtype=torch.float64, generator=generator)
    turns[0] = 0
    rotations = matrix_from_rotation_vector(turns)
    translations = torch.tensor([[float(k), 0.3 * (-1) ** k * (k > 0), 6.0] for k in range(cameras)]).double()
    translations[0] = torch.tensor([0.0, 0.0, 6.0])
    point = torch.arange(points).repeat_interleave(cameras)
    camera = torch.arange(cameras).repeat(points)
    if seen is not None:
        kept = torch.tensor([seen(c, p) for c, p in zip(camera.tolist(), point.tolist(), strict=True)])
        camera, point = camera[kept], point[kept]
    depth = torch.einsum("nij,nj->ni", rotations[camera], X[point]) + translations[camera]
    K = torch.tensor([[FOCAL, 0, 320], [0, FOCAL, 240], [0, 0, 1]], dtype=torch.float64)
    xy = FOCAL * depth[:, :2] / depth[:, 2:] + torch.tensor([320.0, 240.0])
    names = [f"c{k}" for k in range(cameras)]
    return Tracks(camera, point, xy, K.repeat(cameras, 1, 1), names, points), rotations, translations, X


def test_points_are_found_from_poses_and_filtered():
    tracks, rotations, translations, X = scene()
    wrong = tracks.replaced(xy=tracks.xy.clone())
    wrong.xy[5] += 30.0  # camera 1 of point 1
    mapper = Mapper(wrong)
    assert not mapper.registered.any()
    mapper.set_poses(torch.arange(4), rotations, translations)
    mapper.triangulate()
    assert mapper.triangulated.all()
    assert torch.allclose(mapper.points, X, atol=1e-6)
    assert mapper.inliers.logical_not().nonzero()[:, 0].tolist() == [5]
    mapper.note_errors(torch.tensor([0, 2]))
    assert mapper.start_error < 1e-6
    mapper.points[7] = X[7] + torch.tensor([0.0, 0.0, 3.0])
    mapper.filter()
    assert not mapper.triangulated[7]
    mapper.triangulate()
    assert torch.allclose(mapper.points[7], X[7], atol=1e-6)


@pytest.mark.parametrize(("pixels", "inside"), [(3.9, True), (4.1, False)])
def test_the_largest_error(pixels, inside):
    tracks, rotations, translations, X = scene()
    moved = tracks.replaced(xy=tracks.xy.clone())
    moved.xy[9] += torch.tensor([0.0, pixels])
    mapper = Mapper(moved)
    mapper.set_poses(torch.arange(4), rotations, translations)
    mapper.points[:] = X
    mapper.filter()
    assert bool(mapper.inliers[9]) == inside
    assert int(mapper.inliers.sum()) == len(tracks.camera) - (not inside)
    close = Mapper(moved, threshold=pixels - 0.5)
    close.set_poses(torch.arange(4), rotations, translations)
    close.points[:] = X
    close.filter()
    assert not close.inliers[9]


def test_points_behind_a_camera_of_one_view_or_of_little_parallax_are_left_out():
    tracks, rotations, translations, X = scene(2, 30, seen=lambda c, p: p != 3 or c == 0)
    mapper = Mapper(tracks)
    mapper.set_poses(torch.arange(2), rotations, translations)
    mapper.points[:] = X
    mapper.filter()
    assert mapper.triangulated.logical_not().nonzero()[:, 0].tolist() == [3]
    angles = torch.rad2deg(ray_angles(rotations, translations, X, tracks.camera, tracks.point))
    least = float(angles[angles > 0].median()) + 1e-9
    strict = Mapper(tracks, least_angle=least)
    strict.set_poses(torch.arange(2), rotations, translations)
    strict.points[:] = X
    strict.filter()
    assert torch.equal(strict.triangulated, (angles >= least) & (torch.arange(30) != 3))
    behind = translations.clone()
    behind[1, 2] = -20.0
    mapper.set_poses(torch.arange(2), rotations, behind)
    mapper.points[:] = X
    mapper.filter()
    assert not mapper.triangulated.any()
    assert not mapper.inliers.any()


@pytest.mark.parametrize(("count", "found"), [(16, True), (15, False)])
def test_a_camera_needs_sixteen_points(count, found):
    tracks, rotations, translations, X = scene(3, 40, seen=lambda c, p: c < 2 or p < count)
    mapper = Mapper(tracks)
    mapper.set_poses(torch.arange(2), rotations[:2], translations[:2])
    mapper.points[:] = X
    mapper.filter()
    mapper.grow(torch.ones(3, dtype=torch.bool))
    assert bool(mapper.registered[2]) == found
    if found:
        assert torch.allclose(mapper.rotations[2], rotations[2], atol=1e-4)
        assert torch.allclose(mapper.translations[2], translations[2], atol=1e-3)
        assert int(mapper.inliers.sum()) == len(tracks.camera)
    mapper.set_poses(torch.arange(3), rotations, translations)
    mapper.points[:] = X
    mapper.filter()
    mapper.drop_lost_cameras()
    assert mapper.registered.tolist() == [True, True, found]


def test_cameras_that_are_not_allowed_are_left_out():
    tracks, rotations, translations, X = scene(4)
    mapper = Mapper(tracks)
    mapper.set_poses(torch.arange(2), rotations[:2], translations[:2])
    mapper.points[:] = X
    mapper.filter()
    mapper.grow(torch.tensor([True, True, True, False]))
    assert mapper.registered.tolist() == [True, True, True, False]


@pytest.mark.parametrize(("points", "starts"), [(16, True), (15, False)])
def test_a_start_needs_sixteen_points(points, starts):
    tracks, rotations, translations, _ = scene(2, points)
    R = rotations[1] @ rotations[0].mT
    t = translations[1] - R @ translations[0]
    pair = CameraPair(0, 1, R, t / t.norm(), points, 10.0, torch.arange(points))
    mapper = Mapper(tracks)
    assert mapper.start(pair) == starts
    assert torch.allclose(mapper.rotations[0], torch.eye(3, dtype=torch.float64), atol=1e-3)
    assert mapper.start_error < 1e-6


def test_adjustment_mends_poses_and_finish_everything():
    tracks, rotations, translations, X = scene()
    mapper = Mapper(tracks, threshold=30.0)
    mapper.adjust(5, 1e-3)  # nothing there yet
    shaken = translations + torch.tensor([0.0, 0.02, 0.0])[None] * torch.arange(4)[:, None]
    mapper.set_poses(torch.arange(4), rotations, shaken)
    mapper.points[:] = X
    mapper.filter()
    residuals = mapper._residuals(torch.arange(len(tracks.camera)))[0]
    expected, _ = reprojection_residuals(rotations, shaken, X, tracks.camera, tracks.point, mapper.xy, mapper.focal)
    assert torch.allclose(residuals, expected)
    before = float(residuals.norm(dim=1).mean())
    mapper.finish()
    after = float(mapper._residuals(torch.arange(len(tracks.camera)))[0].norm(dim=1).mean())
    assert before > 1
    assert after < 1e-3
    assert mapper.inliers.all()


def test_pairs_of_cameras_have_their_relative_poses():
    tracks, rotations, translations, X = scene(3, 40, seen=lambda c, p: c < 2 or p < 20)
    pairs = camera_pairs(tracks)
    assert [(pair.first, pair.second, pair.matches) for pair in pairs] == [(0, 1, 40), (0, 2, 20), (1, 2, 20)]
    for pair in pairs:
        R = rotations[pair.second] @ rotations[pair.first].mT
        t = translations[pair.second] - R @ translations[pair.first]
        assert torch.allclose(pair.rotation, R, atol=1e-4)
        assert torch.allclose(pair.translation, t / t.norm(), atol=1e-3)
        centers = [-rotations[k].mT @ translations[k] for k in (pair.first, pair.second)]
        rays = [torch.nn.functional.normalize(X[: pair.matches] - center, dim=1) for center in centers]
        parallax = torch.rad2deg(torch.acos((rays[0] * rays[1]).sum(1))).sort().values
        assert pair.angle == pytest.approx(float(parallax.quantile(0.5)), rel=0.02)
    few, *_ = scene(3, 40, seen=lambda c, p: c < 2 or p < 15)
    assert [(pair.first, pair.second) for pair in camera_pairs(few)] == [(0, 1)]
    assert _candidates(few) == [(0, 1)]
    assert _candidates(tracks) == [(0, 1), (0, 2), (1, 2)]


def test_cameras_that_only_turn():
    rays = torch.nn.functional.normalize(torch.rand(30, 3, dtype=torch.float64) + torch.tensor([0.0, 0, 1]), dim=1)
    turn = matrix_from_rotation_vector(torch.tensor([0.1, -0.2, 0.3]).double())
    both = [rays.numpy(), (rays @ turn.mT).numpy()]
    assert _median_angle(both, turn.numpy()) == pytest.approx(0, abs=1e-9)
    assert _median_angle(both, torch.eye(3).double().numpy()) > 0.1
    assert _only_turned(both, 1e-6)
    away = [both[0], _unit_rays((rays[:, :2] / rays[:, 2:]).numpy() + 0.2 * (rays[:, :1] > 0.5).numpy())]
    assert not _only_turned(away, 1e-3)
    small = math.radians(1.0)
    turned = torch.eye(3, dtype=torch.float64)
    turned[0, 0] = turned[1, 1] = math.cos(small)
    turned[0, 1], turned[1, 0] = -math.sin(small), math.sin(small)
    x = [[[1.0, 0, 0]], [[1.0, 0, 0]]]
    assert _median_angle([torch.tensor(each).double().numpy() for each in x], turned.numpy()) == pytest.approx(small)


def test_observations_for_a_network():
    tracks, *_ = scene(3, 10, seen=lambda c, p: c < 2 or p in (7, 8, 9))
    rows = torch.arange(len(tracks.camera))
    found = network_input(tracks, rows, most_points=2, least_of_camera=0)
    assert found.cameras.tolist() == [0, 1, 2]
    assert found.entries.indices.shape[1] == 6  # two points of three views each
    found = network_input(tracks, rows, most_points=0, least_of_camera=4)
    assert found.entries.indices[1].unique().numel() == 4  # the three long ones and the first of the others
    xy = tracks.normalized().float()
    keys = {(c, p): row for row, (c, p) in enumerate(zip(tracks.camera.tolist(), tracks.point.tolist(), strict=True))}
    kept = [7, 8, 9]
    expected = [xy[keys[c, p]].tolist() for c in (0, 1, 2) for p in kept]
    three = network_input(tracks, rows, most_points=3, least_of_camera=0)
    assert sorted(three.xy.tolist()) == sorted(expected)
    double = network_input(tracks, torch.cat([rows, rows]), most_points=3, least_of_camera=0)
    assert double.xy.tolist() == three.xy.tolist()


def test_observations_of_verified_pairs():
    tracks, *_ = scene(5, 6)
    none = torch.zeros(0)

    def pair(first, second, points):
        return CameraPair(first, second, none, none, len(points), 5.0, torch.tensor(points))

    pairs = [pair(0, 1, [0, 1]), pair(3, 4, [5]), pair(1, 2, [1, 2])]
    rows = verified_rows(tracks, pairs, torch.ones(5, dtype=torch.bool))
    found = sorted(zip(tracks.camera[rows].tolist(), tracks.point[rows].tolist(), strict=True))
    assert found == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    allowed = torch.tensor([True, True, False, True, True])
    assert len(verified_rows(tracks, pairs, allowed)) == 4
