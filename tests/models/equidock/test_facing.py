"""Sites face to face: the axes, the contact, the turn that is kept, the law and the swap, sites without a direction."""

import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.models.equidock import face
from intertwine.ops import RigidMotion


def turn(seed):
    return SO3().sample(generator=torch.Generator().manual_seed(seed)).double()


def cloud(count, seed):
    return 8 * torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def apply(motion, points):
    return points @ motion.rotation.mT + motion.translation


def after(second, first):
    """Two motions as one."""
    return RigidMotion(second.rotation @ first.rotation, second.rotation @ first.translation + second.translation)


def inverse(motion):
    return RigidMotion(motion.rotation.mT, -motion.rotation.mT @ motion.translation)


def assert_same(one, two, tolerance=1e-10):
    for a, b in zip(one, two, strict=True):
        assert (a - b).abs().max() < tolerance


@pytest.fixture
def pair():
    return cloud(40, 1) + 5, cloud(50, 2) - 20, RigidMotion(turn(3), cloud(1, 4)[0]), (cloud(1, 5)[0], cloud(1, 6)[0])


def test_sites_face_one_another_and_the_proteins_touch(pair):
    one, two, motion, sites = pair
    found = face(one, two, motion, sites, distance=3)
    centers = apply(found, one.mean(0)), two.mean(0)
    ways = apply(found, sites[0]) - centers[0], sites[1] - centers[1]
    ways = [torch.nn.functional.normalize(way, dim=0) for way in ways]
    assert torch.allclose(ways[0], -ways[1], atol=1e-10)
    between = centers[0] - centers[1]
    assert torch.allclose(between, between.norm() * ways[1], atol=1e-9)
    assert abs(float(torch.cdist(apply(found, one), two).min()) - 3) < 1e-6
    closer = apply(found, one) - 0.01 * ways[1]
    assert torch.cdist(closer, two).min() < 3


def test_the_rotation_changes_as_little_as_it_can(pair):
    """By the angle between the turned site and the one that it faces; not at all if they face one another."""
    one, two, motion, sites = pair
    found = face(one, two, motion, sites)
    changed = found.rotation @ motion.rotation.mT
    n1, n2 = (torch.nn.functional.normalize(s - p.mean(0), dim=0) for s, p in zip(sites, (one, two), strict=True))
    angle = torch.arccos((torch.trace(changed) - 1) / 2)
    assert torch.allclose(angle, torch.arccos(-(motion.rotation @ n1) @ n2), atol=1e-8)
    assert torch.allclose(face(one, two, found, sites).rotation, found.rotation, atol=1e-10)


def test_law_and_swap(pair):
    one, two, motion, sites = pair
    found = face(one, two, motion, sites)
    g, h = RigidMotion(turn(7), cloud(1, 8)[0]), RigidMotion(turn(9), cloud(1, 10)[0])
    given = after(h, after(motion, inverse(g)))
    moved = face(apply(g, one), apply(h, two), given, (apply(g, sites[0]), apply(h, sites[1])))
    assert_same(moved, after(h, after(found, inverse(g))))
    assert_same(face(two, one, inverse(motion), sites[::-1]), inverse(found))


def test_sites_that_look_the_same_way_and_sites_without_a_direction(pair):
    one, two, motion, _ = pair
    away = torch.tensor([0.0, 0, 1], dtype=torch.float64)
    still = RigidMotion(torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 2, 3], dtype=torch.float64))
    found = face(one, two, still, (one.mean(0) + away, two.mean(0) + away))
    assert torch.allclose(found.rotation @ away, -away)
    assert torch.allclose(torch.linalg.det(found.rotation), torch.ones((), dtype=torch.float64))
    found = face(one, two, motion, (one.mean(0), two.mean(0)))
    assert torch.equal(found.rotation, motion.rotation)
    assert torch.cdist(apply(found, one), two).min() > 3 - 1e-6
    with pytest.raises(UsageError, match="face expects points"):
        face(one[:0], two, motion, (away, away))
