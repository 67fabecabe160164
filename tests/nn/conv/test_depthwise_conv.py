"""The depthwise convolution beside e3nn with the same weights, and against its laws."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from intertwine.actions import PointFeatures
from intertwine.groups import O3, SO3
from intertwine.nn import DepthwiseConv, Geometry, Linear
from intertwine.ops import depthwise_conv, radius_graph
from intertwine.testing import assert_equivariant

SETS = [
    ("5x0e + 5x1o", "0e + 1o", 2),
    ("8x0e + 4x1o + 2x2e", "0e + 1o + 2e", 2),
    ("3x0o + 2x1e", "0e + 1o + 2o", 3),
    ("2x0e + 2x0o + 2x1e + 2x1o", "0e + 0o + 1e + 1o + 2e + 2o", 2),
    ("4x1o", "7x1o", 1),
    ("1x3o + 2x2e", "3o + 0e + 4e + 4o", 4),
    ("2x1o + 3x0e + 1x1o", "1o + 0e + 2x1o", 2),
    ("6x0e", "3o + 2e + 1o + 0e", 3),
    ("4x0e + 4x1o + 4x2e + 4x3o", "0e + 1o + 2e + 3o", 3),
]


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peers", Path(__file__).parents[3] / "benchmarks" / "peers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cloud(points: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.randn(points, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    return positions, radius_graph(positions, 4.0)


@pytest.mark.parametrize(("rep_in", "kept", "lmax"), SETS)
def test_equal_to_e3nn_with_the_same_weights(peers: ModuleType, rep_in: str, kept: str, lmax: int) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        conv = DepthwiseConv(
            O3().rep(rep_in), O3().rep(kept), lmax=lmax, radial_basis=4, radial_hidden=(8,), avg_num_neighbors=3
        ).double()
        peer = peers.E3nnDepthwise(conv).double()
        assert str(peer.product.irreps_out.simplify()) == str(conv.rep_out).replace(" + ", "+")
        positions, edges = cloud()
        features = torch.randn(len(positions), conv.rep_in.dim, dtype=torch.float64)
        with torch.no_grad():
            theirs = peer(features, positions, edges)
            torch.testing.assert_close(conv(features, positions, edges), theirs, rtol=1e-12, atol=1e-12)
            single = conv.float()(features.float(), positions.float(), edges)
            assert (single - theirs).norm() <= 1e-5 * theirs.norm()
            conv.weights[0, 0] += 1
            assert (conv.double()(features, positions, edges) - theirs).norm() > 1e-3 * theirs.norm()
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("group", [SO3(), O3()], ids=str)
def test_equivariant_under_its_group(group) -> None:
    text = "3x0 + 2x1 + 1x2" if group == SO3() else "3x0e + 2x1o + 1x2e + 1x1e + 1x0o"
    rep = group.rep(text)
    assert_equivariant(DepthwiseConv(rep, rep, lmax=3, radial_basis=4, radial_hidden=(8,)))


def test_so3_has_the_odd_paths_that_o3_forbids() -> None:
    assert str(DepthwiseConv(SO3().rep("1x1"), SO3().rep("1x1"), lmax=2).rep_out) == "3x1"
    assert str(DepthwiseConv(O3().rep("1x1o"), O3().rep("1x1o"), lmax=2).rep_out) == "2x1o"


def test_keeps_the_variance_of_independent_features() -> None:
    rep = O3().rep("32x0e + 32x1o + 32x2e")
    torch.manual_seed(0)
    conv = DepthwiseConv(rep, rep, lmax=2, radial_basis=8, radial_hidden=(64,))
    points, neighbors = 200, 20
    target = torch.arange(points).repeat_interleave(neighbors)
    edges = torch.stack([torch.randint(0, points, target.shape), target])
    where = Geometry.from_edges(torch.randn(points, 3), edges, 2)
    radial = torch.randn(len(target), 64) / neighbors**0.5
    features = torch.randn(points, rep.dim)
    output = depthwise_conv(features, where.harmonics, radial, where.graph, conv.coupling, conv.tensor(), conv.weights)
    assert 0.9 < float(output.detach().var()) < 1.1


def test_the_order_of_the_edges_is_of_no_consequence() -> None:
    rep = O3().rep("4x0e + 2x1o")
    conv = DepthwiseConv(rep, rep, radial_basis=4, radial_hidden=()).double()
    positions, edges = cloud()
    features = torch.randn(len(positions), rep.dim, dtype=torch.float64)
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(1))]
    expected = conv(features, positions, edges)
    torch.testing.assert_close(conv(features, positions, shuffled), expected)
    torch.testing.assert_close(conv(features, Geometry.from_edges(positions, shuffled, conv.lmax)), expected)


def test_mixes_no_channels() -> None:
    rep = O3().rep("3x0e + 3x1o")
    conv = DepthwiseConv(rep, rep).double()
    positions, edges = cloud()
    features = torch.zeros(len(positions), rep.dim, dtype=torch.float64)
    features[:, 1], features[:, 6:9] = 1.0, 1.0  # the second channel of each block
    output = conv(features, positions, edges)
    paths = conv.rep_out.irreps
    assert paths is not None
    begun = 0
    for copies, irrep in paths:
        block = output[:, begun : begun + copies * irrep.dim].view(-1, copies // 3, 3, irrep.dim)
        begun += copies * irrep.dim
        assert (block[:, :, [0, 2]] == 0).all()
        assert (block[:, :, 1].abs().amax((0, 2)) > 0).all()


def test_a_point_without_neighbors_hears_nothing() -> None:
    rep = O3().rep("2x0e + 1x1o")
    conv = DepthwiseConv(rep, rep)
    output = conv(torch.ones(3, 5), torch.tensor([[0.0, 0, 0], [1, 0, 0], [9, 9, 9]]), torch.tensor([[1, 0], [0, 1]]))
    assert (output[2] == 0).all()
    assert output[:2].abs().max() > 0
    none = torch.zeros((2, 0), dtype=torch.int64)
    assert (conv(torch.ones(1, 5), torch.zeros(1, 3), none) == 0).all()
    assert conv(torch.ones(0, 5), torch.zeros(0, 3), none).shape == (0, conv.rep_out.dim)


def test_smooth_at_the_cutoff_and_finite_at_coincident_points() -> None:
    rep = O3().rep("1x0e + 1x1o")
    conv = DepthwiseConv(rep, rep, cutoff=2.0).double()
    features, edges = torch.ones(2, 4, dtype=torch.float64), torch.tensor([[1, 0], [0, 1]])
    for distance, bound in [(2.0 - 1e-4, 1e-8), (2.0, 0.0), (2.5, 0.0)]:
        positions = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        assert conv(features, positions, edges).abs().max() <= bound
    positions = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    conv(features, positions, edges).sum().backward()
    assert positions.grad is not None
    assert positions.grad.isfinite().all()


def test_forces_can_be_trained_on() -> None:
    conv = DepthwiseConv(
        O3().rep("2x0e + 1x1o"), O3().rep("0e + 1o"), lmax=2, radial_basis=3, radial_hidden=(4,)
    ).double()
    positions, edges = cloud(5)
    features = torch.randn(5, 5, dtype=torch.float64, requires_grad=True)
    positions.requires_grad_()

    def function(f: torch.Tensor, p: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(conv, {"weights": w}, (f, p, edges))

    inputs = features, positions, conv.weights.detach().requires_grad_()
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(lambda *x: function(*x)[:2], inputs)


def test_forces_equal_those_of_e3nn(peers: ModuleType) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        rep = O3().rep("3x0e + 2x1o + 2x2e")
        conv = DepthwiseConv(rep, rep, radial_basis=4, radial_hidden=(8,)).double()
        positions, edges = cloud()
        features = torch.randn(len(positions), rep.dim, dtype=torch.float64)
        positions.requires_grad_()
        found = []
        for layer in (conv, peers.E3nnDepthwise(conv).double()):
            energy = layer(features, positions, edges).square().sum()
            (forces,) = torch.autograd.grad(energy, positions, create_graph=True)
            found.append((forces, torch.autograd.grad(forces.square().sum(), layer.weights)[0]))
        for mine, theirs in zip(*found, strict=True):
            assert (mine - theirs).norm() <= 1e-11 * theirs.norm()
    finally:
        torch.set_default_dtype(before)


def test_composes_with_linear_maps_into_the_interaction_of_nequip() -> None:
    rep = O3().rep("4x0e + 2x1o + 1x2e")
    before, conv = Linear(rep, rep), DepthwiseConv(rep, rep, radial_basis=4, radial_hidden=(8,))
    after = Linear(conv.rep_out, rep)

    def interaction(features, positions, edges):
        return after(conv(before(features), positions, edges))

    for module in (before, conv, after):
        module.double()
    assert_equivariant(interaction, action_in=conv.action_in, action_out=PointFeatures(rep), dtypes=[torch.float64])


def test_bad_use_says_so() -> None:
    rep = O3().rep("2x0e + 1x1o")
    with pytest.raises(ValueError, match="one group"):
        DepthwiseConv(rep, SO3().rep("1x0"))
    with pytest.raises(ValueError, match="sum of irreps"):
        DepthwiseConv(O3().vector * O3().vector, rep)
    with pytest.raises(ValueError, match="no path"):
        DepthwiseConv(rep, O3().rep("9e"))
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 5\)"):
        DepthwiseConv(rep, rep)(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="neighbors"):
        DepthwiseConv(rep, rep, avg_num_neighbors=0)
