"""Networks of two clouds: exact recovery, bi-equivariance, exchange, training, and the plain one as a control."""

import pytest
import torch

from intertwine.groups import SO3, Octahedral
from intertwine.models import DenseEncoder, PlainRotationNetwork, PointEncoder, RegistrationNetwork, RotationNetwork
from intertwine.models.pair import SoftMatches
from intertwine.models.pair._dense_encoder import _kernels, _products
from intertwine.models.pair._padding import Padded, padded
from intertwine.models.pair._registration_network import _Correlation
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


def dense(rep_in: str) -> DenseEncoder:
    torch.manual_seed(0)
    return DenseEncoder(SO3().rep(rep_in), scalars=6, vectors=4, layers=2, mixed=3, radii=(0.4, 1.0)).double()


@pytest.mark.parametrize(("rep_in", "lawful"), [("1x0 + 1x1", True), ("4x0", False)])
def test_registration_network(rep_in, lawful):
    """Each cloud moved on its own, and both exchanged; of vectors taken for invariants only the second law holds."""
    net = RegistrationNetwork(dense(rep_in), "2x(1,1)", superpoints=8, radius=0.5).double()
    (x, p), (y, q) = (sample(30, 1), sample(30, 2)), (sample(25, 3), sample(25, 4))
    x, y = (torch.cat([features[:, :1], features], 1) for features in (x, y))
    found, back = net((x, p), (y, q)), net((y, q), (x, p))
    (g, h), matrix = SO3().sample(2), SO3().rep("1x0 + 1x1").matrix
    moved = net((x @ matrix(g).mT, p @ g.mT + 1), (y @ matrix(h).mT, q @ h.mT - 2))
    rotation = h @ found.rotation @ g.mT
    assert torch.allclose(moved.rotation, rotation, atol=1e-10) == lawful
    assert torch.allclose(moved.translation, h @ found.translation - 2 - rotation.sum(1), atol=1e-10) == lawful
    assert torch.allclose(back.rotation, found.rotation.mT, atol=1e-10)
    assert torch.allclose(back.translation, -found.rotation.mT @ found.translation, atol=1e-10)
    (found.rotation.sum() + found.translation.square().sum()).backward()
    assert all(bool(x.grad.isfinite().all()) for x in net.parameters() if x.grad is not None)


def test_motions_of_single_precision_lose_nothing():
    """Matches in float32 give the motions that the same numbers give in float64."""
    net = RegistrationNetwork(dense("1x0"), "2x(1,1)", superpoints=8, radius=0.5).double()
    clouds = [(sample(n, n)[:, :1], sample(n, n + 1)) for n in (30, 25)]
    with torch.no_grad():
        single = [x.float() if x.is_floating_point() else x for x in net.match(*clouds)[1]]
        found = net.motions(SoftMatches(*single))
        exact = net.motions(SoftMatches(*(x.double() if x.is_floating_point() else x for x in single)))
    for part, expected in zip(found, exact, strict=True):
        assert part.dtype == torch.float32
        assert torch.equal(part, expected.float())


def test_the_halves_of_a_batch_are_exchanged():
    whole = padded(sample(7, 1), sample(7, 2), torch.tensor([0, 0, 1, 2, 2, 3, 3]), 4)
    for before, after in zip(whole, whole.exchanged(), strict=True):
        assert torch.equal(after, before[[2, 3, 0, 1]])
        assert not torch.equal(after, before)


def test_the_feature_of_two_clouds_does_not_see_padding():
    torch.manual_seed(0)
    rep = SO3().rep("3x0 + 2x1")
    correlation = _Correlation(rep, "2x(1,1)").double()
    x, y = sample(15, 1).reshape(5, 9), sample(9, 2).reshape(3, 9)
    whole = padded(torch.cat([x, y]), sample(8, 3), torch.tensor([0] * 5 + [1] * 3), 2)
    first, second = (Padded(*(part[k : k + 1] for part in whole)) for k in (0, 1))
    a, b = correlation.invariant(x), correlation.invariant(y)
    weights = (a @ b.mT / a.shape[1] ** 0.5).flatten().softmax(0).reshape(5, 3)
    expected = sum(weights[i, j] * correlation.pair(x[i], y[j]) for i in range(5) for j in range(3))
    assert torch.allclose(correlation(first, second)[0], expected, atol=1e-12)


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
    motions = net.motions(fine)
    for k, motion in enumerate(alone):
        assert torch.allclose(motions.rotation[k], motion.rotation, atol=1e-9)
        assert torch.allclose(motions.translation[k], motion.translation, atol=1e-9)
        plans = (fine, k), (net.match(*pairs[k])[1], 0)
        valid = [found.plan[row][found.mask_1[row]][:, found.mask_2[row]] for found, row in plans]
        together, single = (plan.flatten().sort().values for plan in valid)  # points are in another order
        assert torch.allclose(together, single, atol=1e-9)
    for found in (coarse, fine):
        assert found.plan.masked_fill(found.mask_1[:, :, None] & found.mask_2[:, None], 0).abs().max() == 0
        assert float(found.plan.sum(2).max()) < 1.01
    (coarse.plan.square().sum() + fine.plan.square().sum()).backward()
    assert all(bool(x.grad.isfinite().all()) for x in net.parameters() if x.grad is not None)


def test_dense_encoder():
    """Rotations, permutations, clouds side by side in any order, and mirror images, which it tells apart."""
    encoder, p, x = dense("2x0 + 1x1 + 1x2"), sample(12, 1), torch.randn(12, 10).double()
    found, g, order = encoder(x, p), SO3().sample(), torch.randperm(12)
    turned = encoder((x @ encoder.rep_in.matrix(g).mT)[order], (p @ g.mT + 2)[order])
    expected = (found @ encoder.rep_out.matrix(g).mT)[order]
    assert torch.allclose(turned, expected, atol=1e-10)
    assert not torch.allclose(encoder(x, p @ g.mT)[order], expected, atol=1e-2)  # features that do not turn
    batch = torch.tensor([0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1])
    both = encoder(x, p, None, batch, 2)
    for k in range(2):
        assert torch.allclose(both[batch == k], encoder(x[batch == k], p[batch == k]), atol=1e-12)
    scalars = torch.cat([x[:, :2], torch.zeros(12, 8).double()], 1)
    mirrored = encoder(scalars, p * torch.tensor([1.0, 1, -1]).double())
    assert not torch.allclose(mirrored[:, :6], encoder(scalars, p)[:, :6], atol=1e-4)


def test_dense_convolution_by_loops():
    """One scalar channel and one vector channel, one radius: the products of the kernels, point by point."""
    p = sample(5, 2)
    kernels = _kernels(p[None], torch.ones(1, 5, dtype=torch.bool), (0.7,))[0, 0]
    for i in range(5):
        weights = torch.stack([torch.exp(-(p[j] - p[i]).square().sum() / (2 * 0.49)) for j in range(5)])
        weights = weights / weights.sum()
        for j in range(5):
            offset = p[j] - p[i]
            expected = weights[j] * offset / (offset.square().sum() + 0.49).sqrt()
            assert float(kernels[0, i, j]) == pytest.approx(float(weights[j]))
            assert torch.allclose(kernels[1:, i, j], expected)
    a, b = torch.randn(2, 4).double()
    mapped, turned = (torch.outer(a, b).flatten() @ _products().double()).split((2, 9))
    assert torch.allclose(mapped, torch.stack([a[0] * b[0], a[1:] @ b[1:]]))
    expected = torch.stack([a[0] * b[1:], a[1:] * b[0], torch.linalg.cross(a[1:], b[1:])], 1)
    assert torch.allclose(turned.view(3, 3), expected)


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
