"""Sites face to face: the axes, the place, the turn that is kept, the law and the swap, sites without a direction."""

import pytest
import torch

from intertwine import SO3
from intertwine.models.equidock import face
from intertwine.ops import RigidMotion


def turn(seed):
    return SO3().sample(generator=torch.Generator().manual_seed(seed)).double()


def point(seed):
    return 8 * torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def apply(motion, points):
    return points @ motion.rotation.mT + motion.translation


def after(second, first):
    """Two motions as one."""
    return RigidMotion(second.rotation @ first.rotation, second.rotation @ first.translation + second.translation)


def inverse(motion):
    return RigidMotion(motion.rotation.mT, -motion.rotation.mT @ motion.translation)


def directions(sites, centers):
    return [torch.nn.functional.normalize(s - c, dim=0) for s, c in zip(sites, centers, strict=True)]


@pytest.fixture
def given():
    return RigidMotion(turn(3), point(4)), (point(5), point(6)), (point(7), point(8))


def test_sites_coincide_and_face_one_another(given):
    found, (_, sites, centers) = face(*given), given
    n1, n2 = directions(sites, centers)
    assert torch.allclose(found.rotation @ n1, -n2, atol=1e-10)
    assert torch.allclose(apply(found, sites[0]), sites[1], atol=1e-10)
    assert torch.allclose(found.rotation @ found.rotation.mT, torch.eye(3, dtype=torch.float64), atol=1e-10)


def test_the_rotation_changes_as_little_as_it_can(given):
    """By the angle between the turned site and the one that it faces; not at all if they face one another."""
    found, (motion, sites, centers) = face(*given), given
    n1, n2 = directions(sites, centers)
    angle = torch.arccos((torch.trace(found.rotation @ motion.rotation.mT) - 1) / 2)
    assert torch.allclose(angle, torch.arccos(-(motion.rotation @ n1) @ n2), atol=1e-8)
    assert torch.allclose(face(found, sites, centers).rotation, found.rotation, atol=1e-10)


def test_law_and_swap(given):
    found, (motion, sites, centers) = face(*given), given
    g, h = RigidMotion(turn(9), point(10)), RigidMotion(turn(11), point(12))
    moved = [(apply(g, points[0]), apply(h, points[1])) for points in (sites, centers)]
    turned = face(after(h, after(motion, inverse(g))), *moved)
    back = face(inverse(motion), sites[::-1], centers[::-1])
    for one, two in ((turned, after(h, after(found, inverse(g)))), (back, inverse(found))):
        assert torch.allclose(one.rotation, two.rotation, atol=1e-10)
        assert torch.allclose(one.translation, two.translation, atol=1e-9)


def test_sites_that_look_the_same_way_and_sites_without_a_direction(given):
    motion, sites, centers = given
    still = RigidMotion(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    away = torch.tensor([0.0, 0, 1], dtype=torch.float64)
    found = face(still, (centers[0] + away, centers[1] + away), centers).rotation
    assert torch.allclose(found @ away, -away)
    assert torch.allclose(torch.linalg.det(found), torch.ones((), dtype=torch.float64))
    for without in (centers, (centers[0], sites[1]), (sites[0], centers[1])):
        assert torch.equal(face(motion, without, centers).rotation, motion.rotation)
