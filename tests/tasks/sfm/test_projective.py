"""Projective structure from motion on scenes with a known answer, and on bad input."""

import csv

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.cli import main
from intertwine.data.tracks import Tracks, read_tracks, synthetic_tracks, with_outliers
from intertwine.models import TracksNetwork
from intertwine.ops.cameras import projective_bundle_adjustment, projective_residuals
from intertwine.tasks.sfm import NetworkStart, projective_structure_from_motion
from intertwine.tasks.sfm.mapping import ProjectiveMapper, clean

pytest.importorskip("cv2")
pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def scene():
    return synthetic_tracks(5, 150, visible=0.8, seed=2)


def only_part(tracks, **options):
    (part,) = projective_structure_from_motion(tracks, **options).parts
    return part


@pytest.fixture(scope="module")
def found(scene):
    return only_part(scene[0])


def homography_errors(found, truth):
    """Distances of true points from found ones after the projective transformation that fits best (linearly)."""
    keep = found.points.isfinite().all(1)
    a, b = found.points[keep], truth[keep]
    a = (a - a.mean(0)) / a.std()
    a1, zero = torch.cat([a, torch.ones_like(a[:, :1])], 1), torch.zeros(len(a), 12).double()
    rows = []
    for axis in range(3):
        row = zero.clone()
        row[:, 4 * axis : 4 * axis + 4] = a1
        rows.append(torch.cat([row, -b[:, axis, None] * a1], 1))
    change = torch.linalg.svd(torch.cat(rows)).Vh[-1].view(4, 4)
    moved = a1 @ change.T
    return (moved[:, :3] / moved[:, 3:] - b).norm(dim=1)


def test_finds_the_scene_up_to_a_projective_transformation(scene, found):
    tracks, points = scene
    assert bool(found.registered.all())
    assert found.reprojection_error < 0.7
    assert found.inliers.double().mean() > 0.97
    assert homography_errors(found, points).median() < 0.01
    depth = (found.projections[tracks.camera, 2, :3] * found.points[tracks.point]).sum(1)
    depth = depth + found.projections[tracks.camera, 2, 3]
    assert bool((depth[found.inliers] > 0).all())
    torch.testing.assert_close(found.projections[:, 2, :3].norm(dim=1), torch.ones(5).double())


def test_does_not_use_intrinsics(scene, found):
    other = scene[0].replaced(intrinsics=torch.eye(3).double().expand(5, 3, 3))
    torch.testing.assert_close(only_part(other).projections, found.projections)


def test_permutations_permute_the_answer(scene, found):
    cameras, points = torch.randperm(5), torch.randperm(150)
    again = only_part(scene[0].permuted(cameras, points))
    torch.testing.assert_close(again.projections[cameras], found.projections, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(again.points[points], found.points, atol=1e-6, rtol=1e-6, equal_nan=True)


def test_bears_wrong_observations(scene):
    wrong = with_outliers(scene[0], 0.15)
    changed = (wrong.xy != scene[0].xy).any(1)
    found = only_part(wrong)
    assert bool(found.registered.all())
    assert found.reprojection_error < 0.8
    assert (found.inliers & changed).sum() <= 0.1 * changed.sum()
    assert (found.inliers & ~changed).sum() >= 0.85 * (~changed).sum()


def test_adjustment_finds_the_least_cost_from_any_frame(scene):
    tracks, points = scene
    truth = torch.cat([tracks.poses.rotations, tracks.poses.translations[:, :, None]], 2)
    homogeneous = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    where = (tracks.camera, tracks.point, tracks.normalized(), tracks.focal())
    costs = []
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        change = torch.eye(4).double() + 0.2 * torch.randn(4, 4, generator=generator, dtype=torch.float64) * seed
        start = (truth @ torch.linalg.inv(change), homogeneous @ change.T)
        solved = projective_bundle_adjustment(*start, *where, tolerance=1e-10, max_iterations=100)
        residuals = projective_residuals(solved.projections, solved.points, *where)
        assert residuals.norm(dim=1).mean() < projective_residuals(*start, *where).norm(dim=1).mean()
        costs.append(solved.cost)
    assert costs[0] == pytest.approx(costs[1], rel=1e-4)


def test_a_network_can_start():
    tracks, _ = synthetic_tracks(4, 60, visible=1, seed=2)
    found = only_part(tracks)
    scene = projective_structure_from_motion(tracks, network=NetworkStart(steps=30))
    said = any("network do not agree" in remark for remark in scene.remarks)
    (again,) = scene.parts
    assert again.method == ("geometry" if said else "network")
    assert again.reprojection_error == pytest.approx(found.reprojection_error, abs=0.02)
    with pytest.raises(UsageError, match="calibrated"):
        projective_structure_from_motion(tracks, network=NetworkStart(TracksNetwork(4, 1), 0))


def test_a_good_start_is_kept(scene, found):
    """Cameras in another projective frame, with noise, lead to the same errors."""
    canonical = clean(scene[0])
    given = canonical.tracks
    mapper = ProjectiveMapper(given, 4.0)
    change = torch.eye(4).double() + 0.1 * torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).double()
    poses = scene[0].poses
    matrices = torch.cat([poses.rotations, poses.translations[..., None]], 2)[canonical.cameras] @ change
    noise = 1e-3 * torch.randn(matrices.shape, generator=torch.Generator().manual_seed(1)).double()
    assert mapper.start_from(torch.arange(5), matrices + noise)
    mapper.finish()
    assert float(mapper.inliers.double().mean()) == pytest.approx(float(found.inliers.double().mean()), abs=0.01)


def flattened(tracks, points):
    """The tracks of points in a plane."""
    flat = points * torch.tensor([1.0, 1.0, 0.0])
    seen = (tracks.poses.rotations[tracks.camera] @ flat[tracks.point, :, None])[..., 0]
    seen = seen + tracks.poses.translations[tracks.camera]
    return tracks.replaced(xy=seen[:, :2] / seen[:, 2:] * 1200 + torch.tensor([800.0, 600.0]))


def test_planes_and_noise_are_refused(scene):
    tracks, points = scene
    with pytest.raises(UsageError, match="on a plane"):
        projective_structure_from_motion(flattened(tracks, points))
    with pytest.raises(UsageError):
        projective_structure_from_motion(tracks.select(tracks.point < 5))


def test_command_on_a_table_without_intrinsics(scene, tmp_path, capsys):
    tracks = scene[0]
    with (tmp_path / "tracks.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["camera", "point", "x", "y"])
        xy = tracks.xy.tolist()
        table.writerows(
            [f"{int(c)}.jpg", int(p), *at] for c, p, at in zip(tracks.camera, tracks.point, xy, strict=True)
        )
    path = str(tmp_path / "tracks.csv")
    with pytest.raises(UsageError, match="--cameras projective"):
        read_tracks(path)
    assert main(["sfm", path, "--cameras", "projective", "--output", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "no metric scale" in text
    with (tmp_path / "out" / "projections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["camera"] for row in rows] == [f"{i}.jpg" for i in range(5)]
    page = (tmp_path / "out" / "scene.html").read_text()
    assert "5 of 5" in page
    assert page.count("<canvas") == 1
    assert "lengths and angles mean nothing" in page
    assert all(f">{i}.jpg<" in page for i in range(5))
    assert f">intertwine sfm {path} --cameras projective" in page
    assert "http" not in page.split("<body>")[1]
    for extra, message in (
        (["--cameras", "affine"], "affine"),
        (["--cameras", "projective", "--solver", "scipy"], "leave"),
        (["--solver", "ceres"], "pycolmap"),
    ):
        assert main(["sfm", path, *extra]) == 2
        assert message in capsys.readouterr().err


def test_command_on_a_measurement_matrix(scene, tmp_path, capsys):
    """An archive with M alone, 2 rows for each camera, zeros where nothing is seen, as Moran et al. have it."""
    tracks = scene[0]
    matrix = np.zeros((10, 150))
    rows, columns = 2 * tracks.camera.numpy(), tracks.point.numpy()
    matrix[rows, columns], matrix[rows + 1, columns] = tracks.xy.numpy().T
    np.savez(tmp_path / "scene.npz", M=matrix)
    path = str(tmp_path / "scene.npz")
    assert main(["sfm", path]) == 2
    assert "the intrinsics are missing" in capsys.readouterr().err
    assert main(["sfm", path, "--cameras", "projective", "--output", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "5 of 5, 150 points" in text
    assert "fundamental matrix" in text


def both(first, other):
    """Two scenes without common cameras or points as one."""
    m, n = first.num_cameras, first.num_points
    return Tracks(
        torch.cat([first.camera, other.camera + m]), torch.cat([first.point, other.point + n]),
        torch.cat([first.xy, other.xy]), torch.cat([first.intrinsics, other.intrinsics]),
        [*first.names, *"abcdefgh"[: other.num_cameras]], n + other.num_points,
    )  # fmt: skip


@pytest.mark.parametrize("network", [None, NetworkStart(steps=2)])
def test_each_part_of_a_scene_is_solved(scene, found, network):
    other, points = synthetic_tracks(4, 100, visible=0.9, seed=5)
    large, small = projective_structure_from_motion(both(scene[0], other), network=network).parts
    assert large.registered.tolist() == [True] * 5 + [False] * 4
    assert small.registered.tolist() == [False] * 5 + [True] * 4
    assert bool(small.points[:150].isnan().all())
    assert large.reprojection_error == pytest.approx(found.reprojection_error, abs=1e-3)
    assert small.reprojection_error < 0.7
    assert homography_errors(large, torch.cat([scene[1], points])).median() < 0.01
    assert homography_errors(small, torch.cat([scene[1], points])).median() < 0.01


def test_a_part_without_depth_is_said(scene):
    other, points = synthetic_tracks(4, 100, visible=0.9, seed=5)
    found = projective_structure_from_motion(both(scene[0], flattened(other, points)))
    assert len(found.parts) == 1
    assert any("homography" in remark and remark.endswith("a, b, c, d") for remark in found.remarks)


def test_command_prints_and_writes_each_part(scene, tmp_path, capsys):
    other = synthetic_tracks(4, 100, visible=0.9, seed=5)[0]
    whole = both(scene[0], other)
    np.savez(tmp_path / "scene.npz", camera=whole.camera, point=whole.point, xy=whole.xy)
    out = tmp_path / "out"
    assert main(["sfm", str(tmp_path / "scene.npz"), "--cameras", "projective", "--output", str(out)]) == 0
    text = capsys.readouterr().out
    for words in ("2 parts without common points", "part 0", "part 1", "5 of 9, 150 points", "4 of 9, 100 points"):
        assert words in text
    for name, sizes in (("projections", [5, 4]), ("points", [150, 100])):
        with (out / f"{name}.csv").open() as file:
            parts = [row["part"] for row in csv.DictReader(file)]
        assert [parts.count(number) for number in "01"] == sizes
