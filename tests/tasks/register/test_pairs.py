"""Pairs of views: overlap, motions, and batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from shape_files import write_shapes

from intertwine import SO3
from intertwine.tasks.register import draw_pairs
from intertwine.tasks.register._evaluation import errors_modulo_symmetry, motion_errors
from intertwine.tasks.register._features import RADII, REP_IN, moment_features
from intertwine.tasks.register._pairs import collate, cut_views
from intertwine.tasks.register._source import read

SETTINGS = {"overlap": 0.3, "noise": 0.0}


def distances(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return torch.cdist(p, q, compute_mode="donot_use_mm_for_euclid_dist")


def shapes(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    clouds = torch.randn(count, 600, 3, generator=generator, dtype=torch.float64)
    return list(clouds / clouds.norm(dim=2).amax(1)[:, None, None])


def test_the_true_motion_lays_the_views_onto_each_other():
    some = shapes(3)
    for shape, pair in zip(some, draw_pairs(some, torch.arange(3), 5, SETTINGS), strict=True):
        for view, motion in ((pair.first, pair.frame), (pair.second, pair.motion @ pair.frame)):
            back = (view - motion[:3, 3]) @ motion[:3, :3]
            assert distances(back, shape).amin(1).max() < 1e-9
        moved = pair.first @ pair.motion[:3, :3].T + pair.motion[:3, 3]
        assert distances(moved, pair.second).amin() > 1e-9  # no point in common
        assert torch.linalg.det(pair.motion[:3, :3]) == pytest.approx(1)
        assert 0.3 <= pair.overlap <= 1


def test_pairs_follow_from_seed_and_index():
    some = shapes(4)
    whole = draw_pairs(some, torch.arange(4), 5, SETTINGS)
    part = draw_pairs(some[2:3], torch.tensor([2]), 5, SETTINGS)[0]
    assert torch.equal(part.first, whole[2].first)
    assert torch.equal(part.motion, whole[2].motion)
    assert not torch.equal(draw_pairs(some[2:3], torch.tensor([2]), 6, SETTINGS)[0].motion, part.motion)


@pytest.mark.parametrize("overlap", [0.3, 0.6, 0.9, 1.0])
def test_overlap(overlap):
    """Of opposite cuts it is what was wanted, by counting."""
    shape, axis = shapes(1)[0], torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    (first, second), reached = cut_views(shape, (axis, -axis), overlap)
    assert float((first & second).sum() / first.sum()) == pytest.approx(reached)
    assert int(first.sum()) == int(second.sum())
    assert overlap <= reached < overlap + 0.02


def test_batches_are_thinned_centered_and_scaled_by_one_factor():
    pairs = draw_pairs(shapes(3), torch.arange(3), 1, SETTINGS)
    batch = collate(pairs, 40, 6, dtype=torch.float64)
    for side, clouds in ((0, batch.first), (1, batch.second)):
        _, positions, edges, owner, count = clouds
        assert count == 3
        assert bool((owner[edges[0]] == owner[edges[1]]).all())
        for k in range(3):
            cloud = positions[owner == k]
            assert len(cloud) == 40
            assert cloud.mean(0).norm() < 1e-12
            given = batch.scales[k] * cloud + batch.centers[side, k]
            assert distances(given, pairs[k][side]).amin(1).max() < 1e-9
    for k, pair in enumerate(pairs):
        given = pair.first[:5]
        there = given @ pair.motion[:3, :3].T + pair.motion[:3, 3]
        scaled = (given - batch.centers[0, k]) / batch.scales[k]
        moved = scaled @ batch.motion.rotation[k].T + batch.motion.translation[k]
        assert torch.allclose(moved, (there - batch.centers[1, k]) / batch.scales[k])


def test_moment_features_turn_with_the_cloud():
    """And at one radius they are the sums of the definition."""
    points, centers = shapes(1)[0], shapes(2)[1][:7]
    found, rep, g = moment_features(points, centers), SO3().rep(REP_IN), SO3().sample()
    turned = moment_features(points @ g.mT + 1, centers @ g.mT + 1)
    assert torch.allclose(turned, found @ rep.matrix(g).mT, atol=1e-9)
    gaps = points - centers[3]
    weights = (1 - gaps.square().sum(1) / RADII[1] ** 2).clamp_min(0) ** 2
    mean = (weights @ gaps) / weights.sum() / RADII[1]
    assert torch.allclose(found[3, 19 + 6 : 19 + 9], 2 * mean, atol=1e-12)


def test_errors():
    """Of a known turn and shift, also at half a turn, and modulo a symmetry."""
    true, found = torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    for degrees in (0.0, 1e-5, 4.0, 180.0):
        angle = np.radians(degrees)
        found[:2, :2] = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found[:3, 3] = torch.tensor([0.3, 0.0, 0.4])
        angles, gaps = motion_errors(found, true, torch.zeros(3, dtype=torch.float64), torch.tensor(2.0))
        assert float(angles) == pytest.approx(degrees, abs=1e-9)
        assert float(gaps) == pytest.approx(0.25)
    pair = draw_pairs(shapes(1), torch.arange(1), 1, SETTINGS)[0]
    turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64))
    wrong = pair.motion @ pair.frame @ turn @ torch.linalg.inv(pair.frame)
    eye = torch.eye(4, dtype=torch.float64)[None]
    assert errors_modulo_symmetry(wrong, pair, eye)[0] == pytest.approx(180, abs=1e-4)
    assert max(errors_modulo_symmetry(wrong, pair, torch.stack([eye[0], turn]))) < 1e-5


def test_shapes_that_leave_a_rotation_open_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    folder = write_shapes(tmp_path / "shapes", 2)
    np.savetxt(folder / "line.xyz", np.outer(np.linspace(0, 1, 50), [1, 2, 3]), fmt="%.6f")
    np.savetxt(folder / "place.xyz", np.ones((5, 3)))
    np.savetxt(folder / "two.xyz", np.array([[0, 0, 0], [1, 2, 3]]))
    found = read(str(folder), 32, 0)
    assert sorted(Path(name).stem for name in found.names) == ["0", "1"]
    assert sorted(Path(name).stem for name, _ in found.skipped) == ["line", "place", "two"]
    assert {reason for _, reason in found.skipped} == {"all points are equal or on a line"}
