"""Random pairs of windows: their homography is right, they are functions of (seed, index), and gradients of losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from drawn_photos import draw

from intertwine.tasks.keypoints import PairScore, score_pair
from intertwine.tasks.keypoints._job import mutual_pairs, partner_distances, policy_loss, triplet_loss, visible_pixels
from intertwine.tasks.keypoints._pairs import (
    homography_from_points,
    random_pairs,
    rotation_about_center,
    sample_window,
    turned_pairs,
    warp_points,
)

SIZE = 48


@pytest.fixture(scope="module")
def photos():
    return [torch.from_numpy(np.array(draw(seed, 130, 110))) for seed in range(3)]


def test_points_of_one_window_are_those_of_the_other(photos):
    """Without a change of light the windows have the same values at corresponding points."""
    homography = random_pairs(photos, torch.arange(3), 5, SIZE).homographies
    points = torch.rand(3, 400, 2, dtype=torch.float64) * (SIZE - 1)
    for photo, matrix, some in zip(photos, homography, points, strict=True):
        one = torch.eye(3, dtype=torch.float64)
        one[:2, 2] = torch.tensor([41.0, 31.0])
        blurred = torch.nn.functional.avg_pool2d(photo[None, None].float(), 7, 1, 3)[0, 0].to(torch.uint8)
        first = sample_window(blurred, one, SIZE)
        second = sample_window(blurred, one @ torch.linalg.inv(matrix), SIZE)
        there = warp_points(some, matrix)
        inside = ((there > 0) & (there < SIZE - 1)).all(1)
        values = [_bilinear(image, where[inside]) for image, where in ((first, some), (second, there))]
        assert inside.sum() > 50
        assert (values[0] - values[1]).abs().mean() < 0.01
        assert (values[0] - values[1].roll(1)).abs().mean() > 0.05


def _bilinear(image, points):
    grid = ((2 * points + 1) / SIZE - 1).float()[None, None]
    return torch.nn.functional.grid_sample(image[None, None], grid, align_corners=False)[0, 0, 0]


def test_pairs_are_functions_of_seed_and_index(photos):
    whole = random_pairs(photos, torch.arange(3), 7, SIZE)
    part = random_pairs(photos[1:], torch.arange(1, 3), 7, SIZE)
    for one, other in ((whole.second[1:], part.second), (whole.homographies[1:], part.homographies),
                       (whole.gumbel[:, 1:], part.gumbel)):  # fmt: skip
        assert torch.equal(one, other)
    assert not torch.equal(random_pairs(photos, torch.arange(3), 8, SIZE).first, whole.first)
    assert whole.gumbel.isfinite().all()
    assert whole.gumbel.mean() == pytest.approx(0.5772, abs=0.05)
    assert ((whole.first >= 0) & (whole.first <= 1)).all()


def test_turned_pairs_turn(photos):
    """At every angle the homography is that of the upright pair, then a rotation; quarter turns are exact."""
    upright = turned_pairs(photos, 0.0, SIZE)
    for degrees in (90.0, 180.0, 270.0, 37.0):
        turned = turned_pairs(photos, degrees, SIZE)
        back = rotation_about_center(degrees, SIZE) @ turned.homographies
        assert torch.allclose(back / back[:, 2:, 2:], upright.homographies / upright.homographies[:, 2:, 2:])
        assert torch.equal(turned.first, upright.first)
    quarter = turned_pairs(photos, 90.0, SIZE)
    clean = [image.median() for image in (torch.rot90(upright.second, 1, (-2, -1)) - quarter.second).abs()]
    assert max(clean) < 0.1
    angle = math.radians(37)
    corner = warp_points(torch.tensor([[SIZE - 1.0, (SIZE - 1) / 2]]).double(),
                         torch.linalg.inv(rotation_about_center(37.0, SIZE)))[0]  # fmt: skip
    half = (SIZE - 1) / 2
    assert corner.tolist() == pytest.approx([half + half * math.cos(angle), half - half * math.sin(angle)])


def test_homography_from_four_points():
    generator = torch.Generator().manual_seed(0)
    source = torch.tensor([[0.0, 0], [9, 0], [9, 9], [0, 9]], dtype=torch.float64).expand(5, 4, 2)
    target = source + torch.rand(5, 4, 2, dtype=torch.float64, generator=generator)
    assert torch.allclose(warp_points(source, homography_from_points(source, target)), target)
    assert (warp_points(torch.ones(1, 2), torch.diag(torch.tensor([1.0, 1.0, -1.0]))) < -1e5).all()


def test_visible_pixels_are_seen_by_both_windows():
    shift = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    shift[0, 0, 2], shift[1, 0, 2] = 4, -4
    seen = visible_pixels(shift, 12, 2)
    assert seen[0].any(0).nonzero()[:, 0].tolist() == [2, 3, 4, 5]
    assert seen[1].any(0).nonzero()[:, 0].tolist() == [6, 7, 8, 9]


def test_losses():
    positions = torch.tensor([[[1.0, 1], [5, 5], [9, 9]], [[5.0, 5.5], [1, 1], [30, 30]]]).double()
    valid = torch.tensor([[True, True, True], [True, True, False]])
    distances = partner_distances(positions, valid, torch.eye(3, dtype=torch.float64).repeat(2, 1, 1))
    assert distances[0].amin(1).tolist() == pytest.approx([0, 0.5, math.hypot(4, 3.5)])
    assert mutual_pairs(distances[0], distances[1], 3.0).tolist() == [[0, 1], [1, 0]]
    # A keypoint with a reward becomes more probable, one without less; the baseline is that of the other pairs.
    logarithms = torch.zeros(4, 2, requires_grad=True)
    rewards = torch.tensor([[True, False], [True, True], [True, False], [True, False]])
    policy_loss(logarithms, rewards, torch.ones(4, 2, dtype=torch.bool)).sum().backward()
    assert (2 * logarithms.grad).tolist() == [[-0.25, 0.75], [-0.5, -0.5], [-0.25, 0.75], [-0.5, 0.5]]
    eye = torch.eye(4)
    none = torch.eye(4, dtype=torch.bool)
    assert triplet_loss(eye, eye, none).max() < 1e-2 + 1 - math.sqrt(2) + 1
    assert triplet_loss(eye, eye.roll(1, 0), none).min() > 2
    assert not triplet_loss(eye, eye.roll(1, 0), torch.ones_like(none)).any()


def test_score_of_a_pair():
    from intertwine.ops import Keypoints

    def points(places, descriptors):
        some = torch.tensor(places)
        zero = torch.zeros(len(some))
        return Keypoints(some, zero, zero, zero, torch.eye(4)[descriptors])

    first = points([[10.0, 10.0], [20.0, 20.0], [30.0, 30.0], [90.0, 9.0]], [0, 1, 2, 3])
    second = points([[11.0, 10.0], [20.0, 29.0], [30.0, 30.0]], [0, 1, 2])
    shift = torch.eye(3, dtype=torch.float64)
    shift[0, 2] = 20.0  # the last one leaves the second image
    moved = second._replace(positions=second.positions + torch.tensor([20.0, 0.0]))
    found = score_pair(first, moved, shift, [(100, 100)] * 2, 3.0)
    assert found == PairScore(visible=3, repeated=2, matches=3, correct=2)
    assert (found.repeatability, found.accuracy, found.matching_score) == pytest.approx((2 / 3,) * 3)
    nothing = first.select(torch.zeros(4, dtype=torch.bool))
    assert score_pair(first, nothing, shift, [(100, 100)] * 2, 3.0).repeatability == 0
