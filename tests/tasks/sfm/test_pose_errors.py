"""Errors of poses by hand: one camera turned, one camera moved, in another frame and scale."""

import math

import pytest
import torch

from intertwine.data.tracks import CameraPoses, Tracks
from intertwine.groups import SO3
from intertwine.tasks.sfm import pose_errors
from intertwine.tasks.sfm._reconstruction import Reconstruction


def turned(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def reconstruction(rotations, centers):
    n = len(rotations)
    tracks = Tracks(torch.arange(n), torch.zeros(n).long(), torch.zeros(n, 2).double(), torch.eye(3).double().expand(n, 3, 3).clone(), [*"abcdef"][:n], 1)  # fmt: skip  # noqa: E501
    translations = -(rotations @ centers[..., None])[..., 0]
    return Reconstruction(tracks, rotations, translations, torch.zeros(1, 3).double(), torch.ones(n).bool())


def test_the_frame_and_the_scale_of_the_world_do_not_count():
    truth = SO3().sample(5, generator=torch.Generator().manual_seed(1))
    centers = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    world = SO3().sample(generator=torch.Generator().manual_seed(3))
    poses = CameraPoses(truth, -(truth @ centers[..., None])[..., 0])
    rotation, position = pose_errors(reconstruction(truth @ world.mT, 2 * centers @ world.mT + 1), poses)
    assert position.abs().max() < 1e-9
    assert rotation.max() < 1e-5


def test_all_angles_are_exact_where_turns_cancel():
    # four cameras with one orientation, turned by +a, -a, +a, -a about one axis: the best rotation is the middle
    truth = torch.eye(3, dtype=torch.float64).expand(4, 3, 3).clone()
    centers = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    poses = CameraPoses(truth, -centers)
    for angle in (1e-4, 3.0, 60.0):
        rotations = torch.stack([turned(angle), turned(-angle), turned(angle), turned(-angle)])
        assert pose_errors(reconstruction(rotations, centers), poses).rotation.tolist() == pytest.approx([angle] * 4)


def test_positions_are_in_the_unit_of_the_truth_and_missing_cameras_do_not_count():
    truth = torch.eye(3, dtype=torch.float64).expand(5, 3, 3).clone()
    goals = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [9, 9, 9]], dtype=torch.float64)
    centers = 10 * goals + 5
    centers[4] = float("nan")
    centers[:4, 2] += torch.tensor([1.0, 1, -1, -1])  # away from the plane, in turn: no similarity helps
    rotation, position = pose_errors(reconstruction(truth, centers), CameraPoses(truth, -goals))
    assert rotation.tolist() == pytest.approx([0.0] * 4, abs=1e-5)
    assert position.shape == (4,)
    # s (10 p + h z) against p with |h| = 1: the best scale is 10/101, the rest sqrt((1 - 100/101)^2 + (10/101)^2)
    assert position.tolist() == pytest.approx([math.hypot(1 - 100 / 101, 10 / 101)] * 4)
