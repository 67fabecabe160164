from __future__ import annotations

import pytest
import torch

from intertwine.groups import SO3, Octahedral
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.clouds._rotations import random_rotations
from intertwine.tasks.clouds.report._gallery import orientations

DRAWS = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("up", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_a_turn_about_the_vertical_leaves_it_and_is_uniform(up, axis):
    R = random_rotations(DRAWS, "z", up)
    assert SO3().contains(R).all()
    vertical = torch.eye(3, dtype=torch.float64)[axis]
    assert torch.allclose(R @ vertical, vertical.expand(len(R), 3), atol=1e-14)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    angle = torch.atan2(R[:, other, one], R[:, one, one])
    for harmonic in (1, 2, 3):
        assert abs(float((harmonic * angle).cos().mean())) < 0.04
        assert abs(float((harmonic * angle).sin().mean())) < 0.04


def test_any_turn_is_haar():
    R = random_rotations(DRAWS, "SO3", "z")
    assert torch.equal(R, quaternion_rotations(DRAWS))
    for degree in (1, 2):
        assert abs(float(SO3().irrep(degree).character(R).mean())) < 0.06


def test_no_turn_is_none_and_another_word_is_an_error():
    assert torch.allclose(random_rotations(DRAWS[:3], "none", "z"), torch.eye(3, dtype=torch.float64).expand(3, 3, 3))
    with pytest.raises(ValueError, match="a kind of rotation is one of none, z, SO3"):
        random_rotations(DRAWS[:3], "so3", "z")


def test_orientations_begin_with_the_identity_and_leave_no_rotation_far_away():
    R = orientations()
    assert SO3().contains(R).all()
    assert torch.allclose(R[0], torch.eye(3, dtype=torch.float64), atol=1e-14)
    assert Octahedral().contains(R).sum() == 1

    def farthest(points):
        traces = torch.einsum("kij,nij->nk", points, quaternion_rotations(DRAWS))
        return float(((traces.amax(1) - 1) / 2).clamp(-1, 1).acos().max().rad2deg())

    assert farthest(R) < 63 < farthest(quaternion_rotations(DRAWS[: len(R)]))
