"""The page of a scene: what is in view."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from intertwine.data.tracks import synthetic_tracks
from intertwine.tasks.sfm import ProjectiveReconstruction
from intertwine.tasks.sfm._run_page import write_report
from intertwine.tasks.sfm.writing._page import _RADIUS, _frame
from intertwine.tasks.sfm.writing._view import projective_view


def test_all_cameras_and_most_points_are_in_view():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(1000, 3, generator=generator, dtype=torch.float64)
    points[:20] *= 1e4
    centers = torch.tensor([[30.0, 0, 0], [31, 2, 0]], dtype=torch.float64)
    middle, scale = _frame(points, centers)
    assert float(((centers - middle) / scale).norm(dim=1).max()) <= _RADIUS + 1e-12
    inside = ((points - middle) / scale).norm(dim=1) <= _RADIUS + 1e-12
    assert 0.9 <= float(inside.double().mean()) < 1
    assert 10 < float(middle[0]) < 20


def test_a_scene_without_points():
    middle, scale = _frame(torch.zeros(0, 3), torch.tensor([[1.0, 2, 3]]))
    assert torch.equal(middle, torch.tensor([1.0, 2, 3]))
    assert float(scale) > 0


@pytest.fixture(scope="module")
def true_part():
    """The true cameras K [R | t] and points, these of mean zero and covariance one."""
    tracks, points = synthetic_tracks(5, 200, visible=0.9, seed=3)
    middle = points.mean(0)
    roots = torch.linalg.cholesky((points - middle).T.cov(correction=0))
    points = torch.linalg.solve(roots, (points - middle).T).T
    rotations, translations = tracks.poses
    return ProjectiveReconstruction(
        tracks,
        tracks.intrinsics @ torch.cat([rotations, translations[..., None]], 2),
        points,
        torch.ones(len(tracks.camera), dtype=torch.bool),
    )


def distances(x):
    return torch.cdist(x, x)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_projective_part_is_drawn_in_the_frame_where_its_points_are_round(true_part, mirrored):
    """Under an affine change of space the view is the same up to a rotation; for Euclidean cameras axes are theirs."""
    change = torch.eye(4).double()
    change[:3] += 0.3 * torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double()
    change[0] *= -1 if mirrored else 1
    points = true_part.points @ change[:3, :3].T + change[:3, 3]
    moved = replace(true_part, points=points, projections=true_part.projections @ torch.linalg.inv(change))
    view = projective_view(moved)
    expected = torch.cat([true_part.points, _centers(true_part.projections)])
    torch.testing.assert_close(distances(torch.cat([view.points, view.centers])), distances(expected))
    R = true_part.tracks.poses.rotations
    torch.testing.assert_close(view.axes @ view.axes[0].T, R @ R[0].T)
    assert view.cameras.tolist() == list(range(5))


def _centers(projections):
    return -torch.linalg.solve(projections[:, :, :3], projections[:, :, 3:])[..., 0]


def test_a_projective_camera_that_is_far_away_is_not_drawn(true_part):
    far = true_part.projections.clone()
    far[2, :, 3] -= far[2, :, :3] @ torch.tensor([0.0, 0, 40]).double()
    assert projective_view(replace(true_part, projections=far)).cameras.tolist() == [0, 1, 3, 4]


def test_the_page_of_a_run_across_scenes(tmp_path):
    pytest.importorskip("matplotlib")
    settings = {"intertwine": "9.9", "started": "now", "settings": {"seed": 4}, "command": "intertwine fit sfm x"}
    (tmp_path / "config.json").write_text(json.dumps({**settings, "config": {"data": {"source": "/x"}}}))
    job = SimpleNamespace(config={"data": {"given": "my scenes"}}, monitor="loss")
    history = [
        {"epoch": 1, "loss": 0.5, "pixels": 9.0, "rotation": 30.0},
        {"epoch": 2, "loss": 0.25, "pixels": 4.5, "rotation": 20.0},
        {"epoch": 3, "loss": 0.75, "pixels": 5.5, "rotation": 10.0},
    ]
    page = write_report(job, history, [("data", "six scenes")], tmp_path / "report.html").read_text()
    assert "<h1>Scenes of my scenes</h1>" in page
    assert "Data: six scenes." in page
    assert page.count("<svg") == 2
    for cell in ("epoch 2", "0.25", "4.5", "20", "9.9", "now", "4", "intertwine fit sfm x", "/x"):
        assert f">{cell}<" in page
    for rows in ([], [{"epoch": 1, "loss": 0.5, "pixels": 9.0}]):
        page = write_report(job, rows, [], tmp_path / "report.html").read_text()
        assert page.count("<svg") == len(rows)
