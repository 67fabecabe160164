"""The motion that the pairs of a transport plan agree on best."""

import torch

from intertwine.groups import SO3
from intertwine.models.pair._registration_network import _motion


def test_exact_pairs_give_their_motion_and_heavier_pairs_count_more():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    rotation, shift = SO3().sample(generator=generator), torch.randn(3, generator=generator, dtype=torch.float64)
    order = torch.randperm(6, generator=generator)
    q = (p @ rotation.mT + shift)[order]
    plan = torch.zeros(6, 6, dtype=torch.float64)
    plan[order, torch.arange(6)] = torch.rand(6, generator=generator, dtype=torch.float64)
    for weights in (plan, 1e-3 * plan, 50 * plan):
        found = _motion(weights, p, q)
        assert torch.allclose(found.rotation, rotation, atol=1e-9)
        assert torch.allclose(found.translation, shift, atol=1e-9)
    lost = plan.clone()
    lost[:, 0] = 0  # a pair without weight has no influence
    moved = q.clone()
    moved[0] += 100
    assert torch.allclose(_motion(lost, p, moved).translation, shift, atol=1e-9)
