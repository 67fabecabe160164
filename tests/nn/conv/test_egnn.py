"""The EGNN layer beside a loop written from its formulas and beside egnn-pytorch; its laws in any dimension."""

import pytest
import torch
from torch import Tensor, nn

from intertwine.groups import O2, O3
from intertwine.nn import EGNNConv, VelocityEGNNConv
from intertwine.testing import assert_equivariant


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def some_edges(points: int = 8) -> Tensor:
    near = torch.cdist(draw(points, 2, seed=9), draw(points, 2, seed=9)) < 2
    near[3] = False  # a point that hears nobody
    target, source = near.fill_diagonal_(False).nonzero(as_tuple=True)
    return torch.stack([source, target])


def networks(layer: EGNNConv) -> tuple[nn.Module, nn.Module | None, nn.Module]:
    """phi_e, phi_x and phi_h as the reference writes them: on concatenated arguments."""
    joined = nn.Linear(2 * layer.rep_in.dim + layer.edge.in_features, layer.receiver.out_features).double()
    with torch.no_grad():
        joined.weight.copy_(torch.cat([layer.receiver.weight, layer.sender.weight, layer.edge.weight], 1))
        joined.bias.copy_(layer.receiver.bias)
    return nn.Sequential(joined, nn.SiLU(), layer.message, nn.SiLU()), layer.move, layer.update


def loop(layer: EGNNConv, h: Tensor, x: Tensor, edges: Tensor, a: Tensor, u: Tensor) -> tuple[Tensor, ...]:
    """Edge by edge, channel by channel."""
    phi_e, phi_x, phi_h = networks(layer)
    moved, heard = x.clone(), torch.zeros(len(h), layer.message.out_features, dtype=torch.float64)
    for e, (j, i) in enumerate(edges.T.tolist()):
        squares = (x[i] - x[j]).square().sum(-1)
        message = phi_e(torch.cat([h[i], h[j], squares, a[e]]))
        steps = phi_x(message) if layer.channels else message
        for v in range(layer.channels):
            moved[i, v] += u[e] * (x[i, v] - x[j, v]) * steps[v] / layer.avg_num_neighbors
        heard[i] += u[e] * message / layer.avg_num_neighbors**0.5
    return torch.stack([phi_h(torch.cat([h[i], heard[i]])) for i in range(len(h))]), moved


@pytest.mark.parametrize(("channels", "attributes", "dimension"), [(1, 0, 3), (3, 2, 3), (2, 1, 5), (0, 1, 3)])
def test_equals_the_loop_over_the_formulas(channels: int, attributes: int, dimension: int) -> None:
    torch.manual_seed(0)
    layer = EGNNConv(
        O3().rep("4x0e"), O3().rep("3x0e"), channels=channels, attributes=attributes, hidden=8, avg_num_neighbors=3.0
    ).double()
    h, x, edges = draw(8, 4), draw(8, channels, dimension, seed=1), some_edges()
    a, u = draw(edges.shape[1], attributes, seed=2), draw(edges.shape[1], seed=3).abs()
    found, expected = layer(h, x, edges, a, u), loop(layer, h, x, edges, a, u)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    if channels == 1:
        single = layer(h, x[:, 0], edges, a, u)
        torch.testing.assert_close(single[1], expected[1][:, 0], rtol=1e-12, atol=1e-12)


def test_equals_egnn_pytorch_with_the_same_networks() -> None:
    egnn_pytorch = pytest.importorskip("egnn_pytorch")
    torch.manual_seed(0)
    layer = EGNNConv(O3().rep("4x0e"), hidden=8).double()
    peer = egnn_pytorch.EGNN(dim=4, m_dim=8).double()
    peer.edge_mlp, peer.coors_mlp, peer.node_mlp = networks(layer)
    h, x = draw(7, 4), draw(7, 3, seed=1)
    everyone = torch.cartesian_prod(torch.arange(7), torch.arange(7)).T  # itself included, as there
    features, positions = layer(h, x, everyone)
    their_features, their_positions = peer(h[None], x[None])
    torch.testing.assert_close(h + features, their_features[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(positions, their_positions[0], rtol=1e-12, atol=1e-12)


def test_equivariant_under_rotations_reflections_translations_and_renumbering() -> None:
    torch.manual_seed(0)
    assert_equivariant(EGNNConv(O3().rep("4x0e"), O3().rep("3x0e"), hidden=8))
    plane = EGNNConv(3 * O2().trivial, hidden=8)
    inputs = draw(8, 3), draw(8, 2), some_edges()
    assert_equivariant(plane, inputs=inputs)


def test_a_layer_that_moves_points_along_an_axis_is_caught() -> None:
    class Drifting(EGNNConv):
        def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
            features, positions = super().forward(*inputs)
            return features, positions + torch.eye(3)[0].to(positions)

    with pytest.raises(AssertionError):
        assert_equivariant(Drifting(O3().rep("4x0e"), hidden=8))


def test_velocities_turn_along() -> None:
    torch.manual_seed(0)
    layer = VelocityEGNNConv(O3().rep("4x0e"), hidden=8, avg_num_neighbors=3.0).double()
    h, x, v, edges = draw(8, 4), draw(8, 3, seed=1), draw(8, 3, seed=2), some_edges()
    features, positions = layer(h, x, edges, v)
    still_features, still = layer(h, x, edges, torch.zeros_like(v))
    torch.testing.assert_close(positions - still, layer.drift(h) * v)
    torch.testing.assert_close(still, EGNNConv.forward(layer, h, x, edges)[1])
    torch.testing.assert_close(features, still_features)
    for g in O3().sample(32, generator=torch.Generator().manual_seed(0)):
        turned = layer(h, x @ g.mT + 5, edges, v @ g.mT)
        torch.testing.assert_close(turned[0], features, rtol=0, atol=1e-11)
        torch.testing.assert_close(turned[1], positions @ g.mT + 5, rtol=0, atol=1e-11)
    many = VelocityEGNNConv(O3().rep("4x0e"), channels=2, hidden=8).double()
    two = draw(8, 2, 3, seed=4)
    torch.testing.assert_close(
        many(h, two, edges, two)[1] - EGNNConv.forward(many, h, two, edges)[1],
        many.drift(h)[..., None] * two,
    )


def test_coincident_points_stay_together_with_right_gradients() -> None:
    torch.manual_seed(0)
    layer = EGNNConv(O3().rep("2x0e"), hidden=4).double()
    h, edges = torch.ones(3, 2, dtype=torch.float64, requires_grad=True), torch.tensor([[1, 0, 2], [0, 1, 0]])
    x = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(layer(h, x, edges)[1], x)
    assert torch.autograd.gradcheck(lambda h, x: layer(h, x, edges), (h, x))
    assert torch.autograd.gradgradcheck(lambda h, x: layer(h, x, edges), (h, x))


def test_no_points_one_point_no_edges() -> None:
    layer = EGNNConv(O3().rep("2x0e"), hidden=4)
    none = torch.zeros((2, 0), dtype=torch.int64)
    for points in (0, 1, 3):
        features, positions = layer(torch.ones(points, 2), torch.ones(points, 3), none)
        assert features.shape == (points, 2)
        assert torch.equal(positions, torch.ones(points, 3))


def test_bad_use_says_so() -> None:
    scalars = O3().rep("2x0e")
    with pytest.raises(ValueError, match=r"are invariants, got 1x0e \+ 1x1o"):
        EGNNConv(O3().rep("1x0e + 1x1o"))
    with pytest.raises(ValueError, match="one group"):
        EGNNConv(scalars, 2 * O2().trivial)
    with pytest.raises(ValueError, match="nor both 0"):
        EGNNConv(scalars, channels=0)
    with pytest.raises(ValueError, match="avg_num_neighbors must be positive"):
        EGNNConv(scalars, avg_num_neighbors=0)
    layer, edges = EGNNConv(scalars), torch.tensor([[1], [0]])
    with pytest.raises(ValueError, match=r"positions must be \(2, 1, dimension\), got \(2, 2, 3\)"):
        layer(torch.ones(2, 2), torch.ones(2, 2, 3), edges)
    with pytest.raises(ValueError, match="expected 0 attributes for each edge, got 3"):
        layer(torch.ones(2, 2), torch.ones(2, 3), edges, torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 2\)"):
        layer(torch.ones(2, 3), torch.ones(2, 3), edges)
    with pytest.raises(ValueError, match="velocities must be like"):
        VelocityEGNNConv(scalars)(torch.ones(2, 2), torch.ones(2, 3), edges, torch.ones(2, 2))
