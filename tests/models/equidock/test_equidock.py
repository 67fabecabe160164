"""EquiDock: independent motions, swap, features, losses, and that it learns a made complex."""

import pytest
import torch

from intertwine import SO3
from intertwine._errors import UsageError
from intertwine.models.equidock import (
    EquiDock,
    ResidueGraph,
    intersection_loss,
    keypoint_loss,
    residue_frames,
    residue_graph,
    site_loss,
)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def backbone(residues: int, seed: int) -> torch.Tensor:
    """A random walk of alpha carbons with N and C at random beside them, float64."""
    g = generator(seed)
    steps = torch.nn.functional.normalize(torch.randn(residues, 3, dtype=torch.float64, generator=g), dim=1)
    lengths = 3.6 + 0.4 * torch.rand(residues, 1, dtype=torch.float64, generator=g)  # no two neighbors at one distance
    carbons = (lengths * steps).cumsum(0)
    beside = torch.nn.functional.normalize(torch.randn(residues, 2, 3, dtype=torch.float64, generator=g), dim=2)
    return torch.stack([carbons + 1.46 * beside[:, 0], carbons, carbons + 1.52 * beside[:, 1]], dim=1)


def graph(points: torch.Tensor, seed: int, dtype=torch.float64) -> ResidueGraph:
    types = torch.randint(21, (len(points),), generator=generator(seed))
    return residue_graph(points.to(dtype), types)


def network(**options) -> EquiDock:
    torch.manual_seed(0)
    return EquiDock(**{"hidden": 16, "layers": 3, "keypoints": 8} | options).double()


def motion(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = generator(seed)
    return SO3().sample(1, generator=g)[0], 20 * torch.randn(3, dtype=torch.float64, generator=g)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_independent_motions(dtype, tolerance):
    net, one, two = network().to(dtype), backbone(30, 1), backbone(40, 2)
    before = net(graph(one, 3, dtype), graph(two, 4, dtype)).motion
    for seed in range(8):
        (R1, t1), (R2, t2) = motion(10 + seed), motion(50 + seed)
        after = net(graph(one @ R1.mT + t1, 3, dtype), graph(two @ R2.mT + t2, 4, dtype)).motion
        rotation = R2.to(dtype) @ before.rotation @ R1.mT.to(dtype)
        translation = R2.to(dtype) @ before.translation + t2.to(dtype) - rotation @ t1.to(dtype)
        assert (after.rotation - rotation).abs().max() < 10 * tolerance
        assert (after.translation - translation).abs().max() < tolerance * 100


def test_a_reflection_is_not_a_symmetry():
    net, one, two = network(), backbone(30, 1), backbone(40, 2)
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    before = net(graph(one, 3), graph(two, 4)).motion.rotation
    after = net(graph(one @ mirror, 3), graph(two @ mirror, 4)).motion.rotation
    assert (after - mirror @ before @ mirror).abs().max() > 1e-3


@pytest.mark.parametrize("shared", [True, False])
def test_exchanged_proteins_give_the_inverse(shared):
    net, one, two = network(shared=shared), graph(backbone(30, 1), 3), graph(backbone(40, 2), 4)
    forth, back = net(one, two).motion, net(two, one).motion
    assert torch.allclose(back.rotation, forth.rotation.mT, atol=1e-10)
    assert torch.allclose(back.translation, -forth.rotation.mT @ forth.translation, atol=1e-8)


def test_features_are_invariant_and_frames_turn():
    points, (R, t) = backbone(25, 5), motion(6)
    one, other = graph(points, 7), graph(points @ R.mT + t, 7)
    assert torch.equal(one.edges, other.edges)
    assert torch.allclose(one.edge_features, other.edge_features, atol=1e-10)
    assert torch.allclose(one.surface, other.surface, atol=1e-10)
    frames = residue_frames(points)
    assert torch.allclose(residue_frames(points @ R.mT + t), frames @ R.mT, atol=1e-10)
    assert torch.allclose(frames @ frames.mT, torch.eye(3, dtype=torch.float64).expand(25, 3, 3), atol=1e-10)


def test_exposure_tells_the_surface_from_the_core():
    ball = torch.cartesian_prod(*[torch.arange(-2.0, 3.0, dtype=torch.float64)] * 3) * 4
    points = torch.stack([ball + torch.tensor([1.4, 0, 0]), ball, ball + torch.tensor([0, 1.4, 0])], dim=1)
    surface = residue_graph(points, torch.zeros(len(ball), dtype=torch.long), k=26).surface
    core, corner = ball.norm(dim=1).argmin(), ball.norm(dim=1).argmax()
    assert surface[core].max() < 0.05
    assert surface[corner].min() > 0.5
    assert ((surface >= 0) & (surface <= 1 + 1e-9)).all()


def test_one_residue_and_gradients_are_finite():
    net, one, two = network(), graph(backbone(1, 1), 3), graph(backbone(20, 2), 4)
    pose = net(one, two)
    (pose.motion.translation.sum() + pose.motion.rotation.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_keypoint_loss_is_the_best_assignment():
    g = generator(8)
    keypoints = [torch.randn(5, 3, dtype=torch.float64, generator=g) for _ in range(2)]
    order = torch.randperm(5, generator=g)
    assert keypoint_loss((keypoints[0], keypoints[1]), (keypoints[0][order], keypoints[1][order])) < 1e-12
    pockets = [torch.randn(7, 3, dtype=torch.float64, generator=g) for _ in range(2)]
    loss = keypoint_loss((keypoints[0], keypoints[1]), (pockets[0], pockets[1]))
    cost = sum(torch.cdist(p, k).square() for p, k in zip(pockets, keypoints, strict=True))
    assert 0 < loss <= cost.mean()
    assert loss >= cost.amin(1).mean() - 1e-9


def test_intersection_loss_is_zero_for_separate_proteins():
    one = backbone(20, 1)[:, 1]
    assert intersection_loss(one, one + 200) == 0
    assert intersection_loss(one, one) > 1


def test_attention_is_a_distribution_and_keypoints_are_read_by_it():
    net, one, two = network(layers=1), graph(backbone(30, 1), 3), graph(backbone(40, 2), 4)
    pose = net(one, two)
    for attention, count in zip(pose.attention, (30, 40), strict=True):
        assert attention.shape == (count,)
        assert torch.allclose(attention.exp().sum(), torch.ones((), dtype=torch.float64))
    for layer in (net.first.position, net.first.edge):
        torch.nn.init.zeros_(layer[-1].weight)
        torch.nn.init.zeros_(layer[-1].bias)
    pose = net(one, two)  # positions do not move
    for attention, keypoints, given in zip(pose.attention, pose.keypoints, (one, two), strict=True):
        assert torch.allclose(attention.exp() @ given.positions, keypoints.mean(0))


def test_dropout_is_for_training():
    one, two = graph(backbone(30, 1), 3), graph(backbone(40, 2), 4)
    net, plain = network(dropout=0.5), network()
    first, second = (net(one, two).keypoints[0] for _ in range(2))
    assert not torch.allclose(first, second)
    assert torch.equal(net.eval()(one, two).keypoints[0], plain(one, two).keypoints[0])


def test_site_loss_by_hand():
    attention = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    site = torch.tensor([True, False, True, False])
    assert torch.allclose(site_loss(attention, site), -torch.tensor([0.4, 1.2]).log().mean())
    even = torch.full((4,), -torch.tensor(4.0).log())
    assert abs(float(site_loss(even, site))) < 1e-6
    assert site_loss(attention, torch.zeros(4, dtype=torch.bool)) == 0
    best = torch.tensor([0.5, 0.0, 0.5, 0.0]).log()
    assert torch.allclose(site_loss(best, site), torch.tensor(0.5).log())
    with pytest.raises(UsageError, match="site_loss expects"):
        site_loss(attention, site[:2])


def test_learns_a_made_complex():
    """From random poses of both proteins, the network that saw the complex puts the ligand back."""
    points = backbone(40, 9)
    one, two = points[:18], points[18:]
    net = network(keypoints=12)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    pair = graph(one, 3), graph(two, 4)

    def error() -> torch.Tensor:
        moved = one[:, 1] @ (pose := net(*pair).motion).rotation.mT + pose.translation
        return (moved - one[:, 1]).square().sum(1).mean()

    before = float(error().detach())
    for _ in range(60):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    assert float(error().detach()) < 0.1 * before
