"""The motion that the pairs of a transport plan agree on best, and that of the largest consensus."""

import torch

from intertwine.groups import SO3
from intertwine.models.pair._consensus import _aligned, consensus, motion_of_plan


def test_exact_pairs_give_their_motion_and_heavier_pairs_count_more():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    rotation, shift = SO3().sample(generator=generator), torch.randn(3, generator=generator, dtype=torch.float64)
    order = torch.randperm(6, generator=generator)
    q = (p @ rotation.mT + shift)[order]
    plan = torch.zeros(6, 6, dtype=torch.float64)
    plan[order, torch.arange(6)] = torch.rand(6, generator=generator, dtype=torch.float64)
    for weights in (plan, 1e-3 * plan, 50 * plan):
        found = motion_of_plan(weights, p, q)
        assert torch.allclose(found.rotation, rotation, atol=1e-9)
        assert torch.allclose(found.translation, shift, atol=1e-9)
    lost = plan.clone()
    lost[:, 0] = 0  # a pair without weight has no influence
    moved = q.clone()
    moved[0] += 100
    assert torch.allclose(motion_of_plan(lost, p, moved).translation, shift, atol=1e-9)


def test_a_minority_of_right_matches_decides_and_moves_with_the_clouds():
    """20 right ones of 60: the rest are random, and heavier."""
    generator = torch.Generator().manual_seed(1)
    p, q = (torch.randn(2, 60, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    rotations = SO3().sample(2, generator=generator)
    q[:, :20] = p[:, :20] @ rotations.mT + 1
    plan = 0.3 * torch.eye(60, dtype=torch.float64)[None] * torch.ones(2, 1, 1)
    plan[:, 20:] *= 2
    found = consensus(plan, p, q, 0.05)
    assert torch.allclose(found.rotation, rotations, atol=1e-2)
    assert torch.allclose(found.translation, torch.ones(2, 3).double(), atol=1e-2)
    g, h = SO3().sample(2, generator=generator)
    moved = consensus(plan, p @ g.mT + 1, q @ h.mT - 2, 0.05)
    assert torch.allclose(moved.rotation, h @ found.rotation @ g.mT, atol=1e-9)
    back = consensus(plan.mT, q, p, 0.05)
    assert torch.allclose(back.rotation, found.rotation.mT, atol=1e-9)


def test_where_matches_are_on_a_line_the_others_decide():
    """Three matches on a line have the weight, two beside it nearly none."""
    p = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 0, 2]], dtype=torch.float64)
    rotation = SO3().sample(generator=torch.Generator().manual_seed(0))
    weights, every = torch.tensor([1.0, 1, 1, 0, 0]).double(), torch.ones(1, 5, dtype=torch.float64)
    found = _aligned(weights[None, None], every, p[None], (p @ rotation.mT + 1)[None])
    assert torch.allclose(found.rotation[0, 0], rotation, atol=1e-9)
    assert torch.allclose(found.translation[0, 0], torch.ones(3).double(), atol=1e-9)
    nowhere = consensus(torch.zeros(1, 5, 5).double(), p[None], p[None], 0.1)
    assert all(bool(part.isfinite().all()) for part in nowhere)
