"""Removal of clashes: nothing clashes afterwards, the law, the swap, and that the way is short."""

import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.models.equidock import separate


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
    assert (moved - one).norm(dim=1).mean() < 20  # the balls' centers need 28 - |(9, 2, -3)| = 18 at most
    assert torch.allclose(torch.cdist(moved, moved), torch.cdist(one, one), atol=1e-6)


def test_law_and_swap(clashing):
    one, two = clashing
    motion = separate(one, two, steps=12)
    g = torch.Generator().manual_seed(5)
    R, t = SO3().sample(generator=g).double(), 30 * torch.randn(3, dtype=torch.float64, generator=g)
    turned = separate(one @ R.mT + t, two @ R.mT + t, steps=12)
    assert torch.allclose(apply(turned, one @ R.mT + t), apply(motion, one) @ R.mT + t, atol=1e-8)
    back = separate(two, one, steps=12)
    assert torch.allclose(back.rotation, motion.rotation.mT, atol=1e-9)
    assert torch.allclose(back.translation, -motion.rotation.mT @ motion.translation, atol=1e-8)


def test_proteins_apart_stay_where_they_are(clashing):
    one, two = clashing
    motion = separate(one + 100, two)
    assert torch.equal(motion.rotation, torch.eye(3, dtype=torch.float64))
    assert torch.equal(motion.translation, torch.zeros(3, dtype=torch.float64))


def test_a_ligand_between_two_walls_gets_out():
    plane = torch.cartesian_prod(*[torch.arange(-12.0, 13.0, 4.0, dtype=torch.float64)] * 2)
    walls = torch.cat([torch.cat([plane, torch.full((len(plane), 1), z)], dim=1) for z in (-2.0, 2.0)])
    ligand = torch.tensor([[0.5, 0.2, 0.1], [1.9, 3.1, -0.2], [4.2, 1.0, 0.3]], dtype=torch.float64)
    assert torch.cdist(ligand, walls).min() < 3
    assert torch.cdist(apply(separate(ligand, walls), ligand), walls).min() >= 3


def test_coincident_points_end():
    point = torch.zeros(1, 3)
    motion = separate(point, point, steps=5)
    assert torch.isfinite(motion.translation).all()
    with pytest.raises(UsageError, match="expects points"):
        separate(point[:0], point)
