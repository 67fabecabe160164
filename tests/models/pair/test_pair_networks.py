"""Networks of two clouds: exact recovery, bi-equivariance, exchange, training, and the plain one as a control."""

import pytest
import torch

from intertwine.groups import SO3, Octahedral
from intertwine.models import PlainRotationNetwork, PointEncoder, RegistrationNetwork, RotationNetwork
from intertwine.ops import knn_graph


def cloud(points: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.ones(len(points), 1, dtype=points.dtype), points, knn_graph(points, 6)


def sample(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rep_out", ["8x1o", "4x0e + 8x1o + 4x2e"])
def test_relative_rotation(rep_out):
    torch.manual_seed(0)
    net = RotationNetwork(PointEncoder("1x0e", rep_out, layers=1, lmax=2, cutoff=3.0)).double()
    for weight in net.weights:
        torch.nn.init.normal_(weight)
    p, q = sample(30, 1), sample(25, 2)
    found = net(cloud(p), cloud(q))[0]
    half = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64))
    for g, h in zip([*SO3().sample(8), half], SO3().sample(9), strict=True):
        assert torch.allclose(net(cloud(p), cloud(p @ g.mT + 2))[0], g, atol=1e-6)
        assert torch.allclose(net(cloud(p @ g.mT - 1), cloud(q @ h.mT))[0], h @ found @ g.mT, atol=1e-9)
    assert torch.allclose(net(cloud(q), cloud(p))[0], found.mT, atol=1e-9)


def test_registration_network():
    torch.manual_seed(0)
    encoder = PointEncoder("1x0e", "4x0e + 4x1o", layers=1, lmax=1, cutoff=3.0, pool=None, output_scale=1.0)
    net = RegistrationNetwork(encoder, "2x(1o,1o)", superpoints=8, radius=0.5).double()
    p, q = sample(30, 1), sample(25, 2)
    found, back = net(cloud(p), cloud(q)), net(cloud(q), cloud(p))
    g, h = SO3().sample(2)
    moved = net(cloud(p @ g.mT + 1), cloud(q @ h.mT - 2))
    rotation = h @ found.rotation @ g.mT
    assert torch.allclose(moved.rotation, rotation, atol=1e-9)
    assert torch.allclose(moved.translation, h @ found.translation - 2 - rotation.sum(1), atol=1e-9)
    assert torch.allclose(back.rotation, found.rotation.mT, atol=1e-9)
    assert torch.allclose(back.translation, -found.rotation.mT @ found.translation, atol=1e-9)
    sum(x.square().sum() for motion in net.plans(cloud(p), cloud(q)) for x in motion).backward()
    assert all(bool(x.grad.isfinite().all()) for x in net.parameters() if x.grad is not None)


def test_a_batch_of_pairs_equals_a_loop():
    """Clouds of different sizes side by side, in any order of their points, and each pair alone."""
    torch.manual_seed(1)
    encoder = PointEncoder("1x0e", "4x0e + 4x1o", layers=1, lmax=1, cutoff=3.0, pool=None, output_scale=1.0)
    net = RegistrationNetwork(encoder, "2x(1o,1o)", superpoints=8, radius=0.5).double()
    firsts, seconds = ([sample(n, seed + n) for n in sizes] for seed, sizes in ((1, (30, 5, 22)), (9, (25, 40, 8))))
    pairs = [(cloud(p), cloud(q)) for p, q in zip(firsts, seconds, strict=True)]
    alone = [net(*pair) for pair in pairs]
    batches = []
    for clouds in zip(*pairs, strict=True):
        sizes = torch.tensor([len(c[1]) for c in clouds])
        starts = sizes.cumsum(0) - sizes
        edges = torch.cat([c[2] + start for c, start in zip(clouds, starts, strict=True)], 1)
        batch = torch.arange(3).repeat_interleave(sizes)
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(0))
        place = torch.empty_like(order).index_copy(0, order, torch.arange(len(order)))
        positions = torch.cat([c[1] for c in clouds])[order]
        batches.append((torch.ones(len(batch), 1).double(), positions, place[edges], batch[order], 3))
    coarse, fine = net.match(*batches)
    for k, motion in enumerate(alone):
        assert torch.allclose(fine.motion.rotation[k], motion.rotation, atol=1e-9)
        assert torch.allclose(fine.motion.translation[k], motion.translation, atol=1e-9)
    for found in (coarse, fine):
        assert found.plan.masked_fill(found.mask_1[:, :, None] & found.mask_2[:, None], 0).abs().max() == 0
        assert float(found.plan.sum(2).max()) < 1.01
    loss = sum(x.square().sum() for motion in net.plans(*batches) for x in motion)
    loss.backward()
    assert all(bool(x.grad.isfinite().all()) for x in net.parameters() if x.grad is not None)


def test_the_plain_network_is_not_biequivariant():
    torch.manual_seed(0)
    net = PlainRotationNetwork(PointEncoder("1x0e", "8x0e", layer="message", layers=1)).double()
    p, g = sample(30, 1), SO3().sample()
    found = net(cloud(p), cloud(p))[0]
    assert torch.allclose(found @ found.mT, torch.eye(3, dtype=torch.float64))
    assert not torch.allclose(net(cloud(p), cloud(p @ g.mT))[0], g @ found, atol=1e-2)


def test_an_encoder_without_vectors_is_refused():
    with pytest.raises(ValueError, match="vectors"):
        RotationNetwork(PointEncoder("1x0e", "4x0e", layers=0))


def test_an_encoder_of_another_group_is_refused():
    class Encoder(torch.nn.Module):
        rep_out = 4 * Octahedral().vector

    with pytest.raises(ValueError, match='expects vectors in the output of its encoder such as "16x1o", got 4x'):
        RotationNetwork(Encoder())
