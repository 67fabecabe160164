"""Structure from motion on scenes with a known answer, and on bad input."""

import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.data.tracks import CameraPoses, Tracks, read_tracks, synthetic_tracks, with_outliers
from intertwine.ops.cameras import matrix_from_rotation_vector
from intertwine.tasks.sfm import pose_errors, structure_from_motion, write_scene

pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def tracks():
    return synthetic_tracks(6, 200, visible=0.7)[0]


@pytest.fixture(scope="module")
def scene(tracks):
    return structure_from_motion(tracks)


def test_finds_the_cameras(tracks, scene):
    (part,) = scene.parts
    assert bool(part.registered.all())
    assert scene.remarks == ()
    assert part.reprojection_error < 0.65
    errors = pose_errors(part, tracks.poses)
    assert errors.rotation.max() < 0.1
    assert errors.position.max() < 0.01


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_bears_wrong_observations(tracks, share):
    wrong = with_outliers(tracks, share)
    (part,) = structure_from_motion(wrong).parts
    changed = (wrong.xy != tracks.xy).any(1)
    assert bool(part.registered.all())
    assert pose_errors(part, tracks.poses).rotation.max() < 0.2
    assert (part.inliers & changed).sum() <= 0.02 * changed.sum() + 1
    assert (part.inliers & ~changed).sum() >= 0.9 * (~changed).sum()


def test_permutations_permute_the_answer(tracks, scene):
    cameras, points = torch.randperm(6), torch.randperm(200)
    moved = tracks.permuted(cameras, points).select(torch.randperm(len(tracks.camera)))
    (part,), (again,) = scene.parts, structure_from_motion(moved).parts
    torch.testing.assert_close(again.rotations[cameras], part.rotations, atol=1e-12, rtol=0)
    torch.testing.assert_close(again.translations[cameras], part.translations, atol=1e-12, rtol=0)
    torch.testing.assert_close(again.points[points], part.points, atol=1e-12, rtol=0, equal_nan=True)
    assert again.inliers.sum() == part.inliers.sum()


def test_pose_errors_do_not_see_a_similarity(tracks, scene):
    part = scene.parts[0]
    turn = SO3().sample(1)[0]
    # x -> s Q x + b of the world.
    rotations = tracks.poses.rotations @ turn.mT
    translations = 3 * tracks.poses.translations - (rotations @ torch.tensor([1.0, 2, 3]).double())
    found, moved = pose_errors(part, tracks.poses), pose_errors(part, CameraPoses(rotations, translations))
    torch.testing.assert_close(moved.rotation, found.rotation, atol=1e-9, rtol=0)
    torch.testing.assert_close(moved.position, 3 * found.position, atol=1e-9, rtol=0)


def test_pose_errors_are_angles(tracks, scene):
    turned = tracks.poses.rotations.clone()
    part = scene.parts[0]
    turned[2] = matrix_from_rotation_vector(torch.tensor([0.0, 0.6, 0]).double()) @ turned[2]
    errors = pose_errors(part, CameraPoses(turned, tracks.poses.translations)).rotation
    assert errors.argmax() == 2
    assert 25 < float(errors[2]) < 35


def joined(first: Tracks, second: Tracks) -> Tracks:
    return first.replaced(
        camera=torch.cat([first.camera, second.camera + first.num_cameras]),
        point=torch.cat([first.point, second.point + first.num_points]),
        xy=torch.cat([first.xy, second.xy]),
        intrinsics=torch.cat([first.intrinsics, second.intrinsics]),
        names=[*first.names, *(f"other{i}" for i in range(second.num_cameras))],
        num_points=first.num_points + second.num_points,
        sizes=None,
        poses=None,
    )


def test_two_components_are_both_solved(tracks, tmp_path, capsys):
    both = joined(tracks, synthetic_tracks(3, 80, visible=1.0, seed=4)[0])
    scene = structure_from_motion(both)
    assert [part.registered.sum().item() for part in scene.parts] == [6, 3]
    assert all(part.reprojection_error < 0.7 for part in scene.parts)
    write_scene(tmp_path / "out", scene)
    assert (tmp_path / "out" / "1" / "images.bin").is_file()


def test_idle_cameras_and_points_are_said(tracks):
    lonely = torch.tensor([0])
    more = tracks.replaced(
        camera=torch.cat([tracks.camera, lonely, tracks.camera[:1]]),
        point=torch.cat([tracks.point, torch.tensor([200]), tracks.point[:1]]),
        xy=torch.cat([tracks.xy, torch.ones(1, 2).double(), tracks.xy[:1]]),
        intrinsics=torch.cat([tracks.intrinsics, tracks.intrinsics[:1]]),
        names=[*tracks.names, "blind.jpg"],
        num_points=201,
        sizes=None,
        poses=None,
    )
    scene = structure_from_motion(more)
    text = " ".join(scene.remarks)
    assert "blind.jpg sees no point" in text
    assert text.count("blind.jpg") == 1
    assert "1 point that only one camera sees" in text
    assert "1 repeated observation left" in text
    assert scene.parts[0].registered.tolist() == [True] * 6 + [False]


def test_copies_of_tracks_change_nothing(tracks, scene):
    twice = tracks.replaced(
        camera=torch.cat([tracks.camera, tracks.camera]),
        point=torch.cat([tracks.point, tracks.point + 200]),
        xy=torch.cat([tracks.xy, tracks.xy]),
        num_points=400,
    )
    found = structure_from_motion(twice)
    assert "200 tracks are copies of others" in found.remarks
    errors = pose_errors(found.parts[0], tracks.poses)
    assert errors.rotation.max() < 0.1


def seen(points: torch.Tensor, poses: CameraPoses, noise: float = 0.3) -> Tracks:
    generator = torch.Generator().manual_seed(0)
    count = len(poses.rotations)
    camera = torch.arange(count).repeat_interleave(len(points))
    point = torch.arange(len(points)).repeat(count)
    place = torch.einsum("nij,nj->ni", poses.rotations[camera], points[point]) + poses.translations[camera]
    xy = place[:, :2] / place[:, 2:] * 1200 + torch.tensor([800.0, 600.0])
    xy = xy + noise * torch.randn(len(xy), 2, generator=generator, dtype=torch.float64)
    keep = (place[:, 2] > 0) & ((xy - torch.tensor([800.0, 600.0])).abs() < 3000).all(1)
    matrix = torch.tensor([[1200.0, 0, 800], [0, 1200, 600], [0, 0, 1]], dtype=torch.float64)
    names = [f"{i}.jpg" for i in range(count)]
    tracks = Tracks(camera, point, xy, matrix.expand(count, 3, 3), names, len(points), None, poses)
    return tracks.select(keep)


def test_a_plane_is_said():
    tracks, points = synthetic_tracks(6, 150)
    flat = points * torch.tensor([1.0, 1.0, 0.0])
    found = structure_from_motion(seen(flat, tracks.poses))
    assert any("lie on a plane" in remark for remark in found.remarks)
    assert pose_errors(found.parts[0], tracks.poses).rotation.max() < 0.5


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_cameras_before_a_plane_are_registered_right(noise):
    """The last step of OpenCV's RANSAC, EPnP, is far off for points on a plane."""
    tracks, points = synthetic_tracks(5, 120, visible=0.8)
    flat = seen(points * torch.tensor([1.0, 1.0, 0.0]), tracks.poses)
    generator = torch.Generator().manual_seed(0)
    flat = flat.replaced(xy=flat.xy + noise * torch.randn(flat.xy.shape, generator=generator, dtype=torch.float64))
    found = structure_from_motion(flat)
    assert any("lie on a plane" in remark for remark in found.remarks)
    assert bool(found.parts[0].registered.all())
    assert pose_errors(found.parts[0], tracks.poses).rotation.max() < 0.5


def test_a_rotating_camera_is_refused():
    _, points = synthetic_tracks(2, 150)
    turns = matrix_from_rotation_vector(
        torch.linspace(-0.2, 0.2, 5).double()[:, None] * torch.tensor([[0.0, 1.0, 0.1]])
    )
    poses = CameraPoses(turns, torch.tensor([0.0, 0.0, 4.0]).double().expand(5, 3))
    centers = torch.zeros(5, 3, dtype=torch.float64)
    fixed = CameraPoses(turns, torch.einsum("nij,nj->ni", turns, centers))
    with pytest.raises(UsageError, match="parallax"):
        structure_from_motion(seen(points + poses.translations[0], fixed))


def test_points_far_away_do_no_harm():
    tracks, points = synthetic_tracks(6, 150)
    far = torch.cat([points, points[:50] + torch.tensor([0.0, 0, 1e6])])
    found = structure_from_motion(seen(far, tracks.poses))
    assert "50 points without a position: too far away, or their observations disagree" in found.remarks
    (part,) = found.parts
    assert pose_errors(part, tracks.poses).rotation.max() < 0.2
    assert not part.points[150:].isfinite().any()


def test_nothing_in_common_is_refused(tracks):
    apart = tracks.replaced(point=torch.arange(len(tracks.point)), num_points=len(tracks.point))
    with pytest.raises(UsageError, match="no point is seen by two"):
        structure_from_motion(apart)
    few = tracks.select(tracks.point < 5)
    with pytest.raises(UsageError, match="share 16 points"):
        structure_from_motion(few)


def test_noise_alone_is_refused(tracks):
    with pytest.raises(UsageError):
        structure_from_motion(with_outliers(tracks.select(tracks.camera < 3), 1.0))


def test_written_models_are_read_again(tracks, scene, tmp_path):
    write_scene(tmp_path / "out", scene)
    part = scene.parts[0]
    for kind in ("txt", "bin"):
        folder = tmp_path / kind
        folder.mkdir()
        for name in ("cameras", "images", "points3D"):
            (tmp_path / "out" / "0" / f"{name}.{kind}").rename(folder / f"{name}.{kind}")
        found = read_tracks(folder)
        assert len(found.camera) == part.inliers.sum()
        torch.testing.assert_close(found.poses.rotations, part.rotations, atol=1e-12, rtol=0)
        torch.testing.assert_close(found.intrinsics, tracks.intrinsics)
    assert (tmp_path / "out" / "0" / "points.ply").read_bytes().startswith(b"ply\nformat binary")
    text = (tmp_path / "out" / "scene.html").read_text()
    assert "<canvas" in text
    assert "http" not in text.split("<body>")[1]


def test_colmap_reads_what_is_written(scene, tmp_path):
    pycolmap = pytest.importorskip("pycolmap")
    write_scene(tmp_path / "out", scene)
    for read in ("read_text", "read_binary"):
        model = pycolmap.Reconstruction()
        getattr(model, read)(str(tmp_path / "out" / "0"))
        assert model.num_images() == 6
        assert model.compute_mean_reprojection_error() == pytest.approx(scene.parts[0].reprojection_error, rel=0.05)
