"""Removal of clashes: nothing clashes afterwards, the law, the swap, and that the way is short."""

import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.models.equidock import separate
from intertwine.ops import rigid_alignment


def ball(count: int, seed: int) -> torch.Tensor:
    """Points of a ball, at least 3.5 apart."""
    g = torch.Generator().manual_seed(seed)
    points = [torch.zeros(3, dtype=torch.float64)]
    while len(points) < count:
        new = 14 * (2 * torch.rand(3, generator=g, dtype=torch.float64) - 1)
        if new.norm() < 14 and min((new - p).norm() for p in points) > 3.5:
            points.append(new)
    return torch.stack(points)


def apply(motion, points):
    return points @ motion.rotation.mT + motion.translation


@pytest.fixture(scope="module")
def clashing():
    return ball(60, 1) + torch.tensor([9.0, 2.0, -3.0]), ball(70, 2)


def test_nothing_clashes_afterwards_and_the_way_is_short(clashing):
    one, two = clashing
    assert torch.cdist(one, two).min() < 3
    moved = apply(separate(one, two), one)
    assert torch.cdist(moved, two).min() >= 3
    assert displacement(moved, two, one) < 5  # 6.6 by the best of the translations that it begins with
    assert torch.allclose(torch.cdist(moved, moved), torch.cdist(one, one), atol=1e-6)


def displacement(moved, fixed, before):
    """The RMSD of the complex after superposition."""
    after, true = torch.cat([moved, fixed]), torch.cat([before, fixed])
    best = rigid_alignment(after, true)
    return float((apply(best, after) - true).square().sum(1).mean().sqrt())


def test_no_motion_nearby_is_shorter_without_clashes(clashing):
    one, two = clashing
    moved = apply(separate(one, two), one)
    least = displacement(moved, two, one)
    g = torch.Generator().manual_seed(3)
    shorter = 0
    for _ in range(300):
        turn, shift = 0.02 * torch.randn(3, generator=g), 0.2 * torch.randn(3, generator=g)
        x, y, z = turn.tolist()
        rotation = torch.linalg.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64))
        other = (moved - moved.mean(0)) @ rotation.mT + moved.mean(0) + shift
        if displacement(other, two, one) < least - 0.02:
            shorter += 1
            assert torch.cdist(other, two).min() < 3
    assert shorter > 50


def test_two_points_end_at_the_distance():
    """Where they are does not matter: after superposition the complex of two points is its length."""
    one, two = torch.tensor([[1.0, 0.4, -0.2]]), torch.zeros(1, 3)
    assert 3 <= float(apply(separate(one, two), one.double()).norm()) < 3.02


def test_law_and_swap(clashing):
    one, two = clashing
    motion = separate(one, two)
    g = torch.Generator().manual_seed(5)
    R, t = SO3().sample(generator=g).double(), 30 * torch.randn(3, dtype=torch.float64, generator=g)
    turned = separate(one @ R.mT + t, two @ R.mT + t)
    assert torch.allclose(apply(turned, one @ R.mT + t), apply(motion, one) @ R.mT + t, atol=1e-8)
    back = separate(two, one)
    assert torch.allclose(back.rotation, motion.rotation.mT, atol=1e-9)
    assert torch.allclose(back.translation, -motion.rotation.mT @ motion.translation, atol=1e-8)


def test_proteins_apart_stay_where_they_are(clashing):
    one, two = clashing
    motion = separate(one + 100, two)
    assert torch.equal(motion.rotation, torch.eye(3, dtype=torch.float64))
    assert torch.equal(motion.translation, torch.zeros(3, dtype=torch.float64))


def test_coincident_points_end():
    point = torch.zeros(1, 3)
    motion = separate(point, point)
    assert torch.isfinite(motion.translation).all()
    with pytest.raises(UsageError, match="expects points"):
        separate(point[:0], point)
