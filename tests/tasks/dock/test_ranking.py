"""Ranking of docked poses: invariance, exchange, sums beside all pairs, and weights that are found again."""

import numpy as np
import pytest
import torch

from intertwine.ops import RigidMotion
from intertwine.tasks.dock import InterfacePoses, RankingScore, fit_ranking, interface_sums, surface_normals

KNOTS = torch.tensor([2.5, 3.5, 4.5, 6.0, 8.0, 10.0], dtype=torch.float64)


def motions(random_motion, count: int) -> RigidMotion:
    """Turns of the ligand near where it is."""
    turns = torch.tensor(np.array([random_motion(k)[0] for k in range(count)]))
    shifts = torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return RigidMotion(turns, 4 * shifts)


def test_normals_turn_with_the_protein(bundle, random_motion):
    R, t = random_motion(6)
    field, moved = surface_normals(bundle[1]), surface_normals(bundle[1].moved(R, t))
    assert np.allclose(moved.normals, field.normals @ R.T, atol=1e-10)
    assert np.allclose(np.linalg.norm(field.normals, axis=1), 1, atol=1e-12)


def test_normals_are_those_of_all_pairs(bundle):
    x = bundle[0].coordinates
    near = np.linalg.norm(x[:, None] - x, axis=2) <= 8
    outward = x - (near @ x) / near.sum(1, keepdims=True)
    expected = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    assert np.allclose(surface_normals(bundle[0]).normals, expected, atol=1e-10)


def test_a_lone_atom_has_no_normal(cut_ball):
    lone = cut_ball[0].moved(np.eye(3), np.zeros(3))
    far = np.arange(len(lone.coordinates))[:, None] * np.array([[20.0, 0, 0]])
    assert not surface_normals(type(lone)(**{**vars(lone), "coordinates": far})).normals.any()


def test_sums_are_those_of_all_pairs(bundle, random_motion):
    ligand, receptor = surface_normals(bundle[0]), surface_normals(bundle[1])
    poses, knots = motions(random_motion, 3), KNOTS.numpy()
    found = interface_sums(ligand, receptor, poses, KNOTS).numpy()
    for R, t, sums in zip(poses.rotation.numpy(), poses.translation.numpy(), found, strict=True):
        distances = np.linalg.norm((ligand.coordinates @ R.T + t)[:, None] - receptor.coordinates, axis=2)
        facing = -(ligand.normals @ R.T) @ receptor.normals.T
        for k in range(5):
            hat = np.interp(distances, knots, np.eye(6)[k])
            assert np.allclose(sums[:, k], [hat.sum(), (hat * facing).sum()], atol=1e-9)


def test_sums_are_invariant_and_symmetric(bundle, random_motion):
    (R1, t1), (R2, t2) = random_motion(7), random_motion(8)
    one, other = surface_normals(bundle[0]), surface_normals(bundle[1])
    poses = motions(random_motion, 3)
    expected = interface_sums(one, other, poses, KNOTS)
    R, t = (poses.rotation, poses.translation)
    g1, g2 = torch.tensor(R1), torch.tensor(R2)
    turned = g2 @ R @ g1.mT
    moved = RigidMotion(turned, t @ g2.mT + torch.tensor(t2) - turned @ torch.tensor(t1))
    fields = surface_normals(bundle[0].moved(R1, t1)), surface_normals(bundle[1].moved(R2, t2))
    assert torch.allclose(interface_sums(*fields, moved, KNOTS), expected, rtol=1e-10, atol=1e-8)
    inverse = RigidMotion(R.mT, -(R.mT @ t[..., None])[..., 0])
    assert torch.allclose(interface_sums(other, one, inverse, KNOTS), expected, rtol=1e-10, atol=1e-8)


def test_poses_without_contact_have_no_sums(bundle):
    far = RigidMotion(torch.eye(3, dtype=torch.float64)[None], torch.full((1, 3), 500.0, dtype=torch.float64))
    fields = surface_normals(bundle[0]), surface_normals(bundle[1])
    assert not interface_sums(*fields, far, KNOTS).any()
    score = RankingScore(2.0, KNOTS, torch.ones(5), torch.ones(5))
    assert score(*fields, far, torch.tensor([3.0])).tolist() == [6.0]


def planted(seed: int) -> InterfacePoses:
    """A complex whose near poses have more contacts in the third shell and normals that face each other."""
    generator = torch.Generator().manual_seed(seed)
    sums = torch.randn(30, 2, 5, generator=generator, dtype=torch.float64)
    sums[:2, 0, 2] += 3
    sums[:2, 1, 1] += 3
    near = torch.arange(30) < 2
    return InterfacePoses(torch.randn(30, generator=generator, dtype=torch.float64), sums, near, ~near)


def test_planted_weights_are_found_on_new_complexes():
    ranking = fit_ranking([planted(k) for k in range(40)], KNOTS)
    assert int(ranking.contacts.argmax()) == 2
    assert int(ranking.normals.argmax()) == 1
    firsts = []
    for seed in range(100, 120):
        one = planted(seed)
        scores = ranking.pair * one.scores + (one.sums * torch.stack([ranking.contacts, ranking.normals])).sum((1, 2))
        firsts.append(bool(one.near[scores.argmax()]))
    assert np.mean(firsts) > 0.8


def test_what_is_no_ranking_is_refused():
    with pytest.raises(ValueError, match="ascending"):
        RankingScore(1.0, torch.tensor([3.0, 2.0]), torch.ones(1), torch.ones(1))
    with pytest.raises(ValueError, match="contacts"):
        RankingScore(1.0, torch.tensor([3.0, 4.0]), torch.ones(2), torch.ones(1))
    with pytest.raises(ValueError, match="pair, knots"):
        RankingScore.from_dict({"knots": [1, 2]})
    with pytest.raises(ValueError, match="decoys"):
        fit_ranking([], KNOTS)
