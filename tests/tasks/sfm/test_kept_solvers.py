"""Bundle adjustment beside scipy's least squares and, where it is installed, Ceres through pycolmap."""

from dataclasses import replace

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks import synthetic_tracks, with_outliers
from intertwine.ops.cameras import matrix_from_rotation_vector
from intertwine.tasks.sfm import structure_from_motion

pytest.importorskip("cv2")
pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def part():
    tracks, _ = synthetic_tracks(4, 60, visible=0.9, noise=1.0)
    (part,) = structure_from_motion(with_outliers(tracks, 0.05)).parts
    return part


def soft_cost(part):
    return float((2 * ((1 + part.errors().square()).sqrt() - 1)).sum())


def disturbed(part):
    generator = torch.Generator().manual_seed(1)
    turns = matrix_from_rotation_vector(1e-3 * torch.randn(4, 3, generator=generator).double())
    points = part.points + 1e-2 * torch.randn(part.points.shape, generator=generator).double()
    return replace(part, rotations=turns @ part.rotations, points=points)


@pytest.mark.parametrize("solver", ["scipy", "pycolmap"])
def test_ends_at_the_same_cost(part, solver):
    from intertwine.tasks.sfm._kept_solvers import adjusted_by

    pytest.importorskip(solver)
    start = disturbed(part)
    found = adjusted_by(solver, start)
    assert soft_cost(start) > 5 * soft_cost(part)
    assert soft_cost(found) == pytest.approx(soft_cost(part), rel=1e-3)
    assert found.registered.tolist() == part.registered.tolist()


def test_the_last_adjustment_may_be_another_ones(part):
    (again,) = structure_from_motion(part.tracks, solver="scipy").parts
    assert again.reprojection_error == pytest.approx(part.reprojection_error, abs=1e-3)
    assert not torch.equal(again.rotations, part.rotations)


def test_solvers_that_are_not_there(part, monkeypatch):
    from intertwine.tasks.sfm import _kept_solvers

    with pytest.raises(UsageError, match="ceres"):
        structure_from_motion(part.tracks, solver="ceres")
    monkeypatch.setattr(_kept_solvers, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install pycolmap"):
        structure_from_motion(part.tracks, solver="pycolmap")
