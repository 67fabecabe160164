"""The networks of vectors and their plain twins: laws in training, batches beside a loop, bad clouds, refusals."""

import sys
from pathlib import Path

import pytest
import torch

from intertwine.groups import O3, SO2, SO3
from intertwine.models import DGCNN, PointEncoder, PointNet, VectorDGCNN, VectorPointNet
from intertwine.ops import radius_graph
from intertwine.testing import assert_equivariant

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "shapes"))

SMALL = {"widths": (4, 5), "embedding_dim": 6, "head": (8,), "dropout": 0.0}
NETWORKS = {
    "vector pointnet": lambda **o: VectorPointNet("1x0e + 1x1o", "3x0e", k=5, **SMALL, **o),
    "vector dgcnn": lambda **o: VectorDGCNN("1x0e + 1x1o", "3x0e", k=5, **SMALL, **o),
    "pointnet": lambda **o: PointNet("1x0e + 1x1o", "3x0e", **SMALL, **o),
    "dgcnn": lambda **o: DGCNN("1x0e + 1x1o", "3x0e", k=5, **SMALL, **o),
    "vector encoder": lambda **o: PointEncoder(
        "1x0e + 1x1o", "3x0e", layer="vector", hidden="5x1o", layers=2, **({"pool": "mean"} | o)
    ),
}
VECTOR = ["vector pointnet", "vector dgcnn", "vector encoder"]
CLOUDS = {
    "one point": torch.zeros(1, 3),
    "two": torch.eye(2, 3),
    "all points equal": torch.ones(7, 3),
    "a line": torch.arange(6.0)[:, None] * torch.tensor([[1.0, 2.0, 0.5]]),
    "none": torch.zeros(0, 3),
}


def with_one(positions: torch.Tensor) -> torch.Tensor:
    """1 and the position from the center."""
    center = positions.mean(0) if len(positions) else 0
    return torch.cat([torch.ones_like(positions[:, :1]), positions - center], 1)


@pytest.mark.parametrize("name", VECTOR)
@pytest.mark.parametrize("pool", ["mean", None])
def test_equivariant_in_training(name: str, pool: str | None) -> None:
    torch.manual_seed(0)
    assert_equivariant(NETWORKS[name](pool=pool), modes=("train",), dtypes=(torch.float64,), samples=8)


@pytest.mark.parametrize("group", [SO3(), SO2()], ids=str)
def test_other_groups_of_rotations_serve_as_well(group) -> None:
    torch.manual_seed(0)
    network = VectorDGCNN(group.vector, 3 * group.trivial, k=5, neighbor_space="positions", **SMALL)
    assert_equivariant(network, modes=("train",), dtypes=(torch.float64,), samples=8)


def test_the_family_is_equivariant_without_norm_and_of_vectors() -> None:
    torch.manual_seed(0)
    layer = {"name": "vector", "norm": "none"}
    encoder = PointEncoder("2x0e", "1x1o + 2x0e + 1x1o", layer=layer, hidden="5x1o", layers=1)
    assert encoder.config["layer"] == layer
    assert_equivariant(encoder, dtypes=(torch.float64,))


@pytest.mark.parametrize("name", ["pointnet", "dgcnn"])
def test_the_twins_are_caught_under_rotation(name: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match="rotation"):
        assert_equivariant(NETWORKS[name](), samples=2)


@pytest.mark.parametrize("name", ["pointnet", "dgcnn"])
def test_the_twins_are_invariant_under_permutations(name: str) -> None:
    torch.manual_seed(0)
    network, positions = NETWORKS[name]().double(), torch.randn(12, 3, dtype=torch.float64)
    order = torch.randperm(12)
    features = with_one(positions)
    torch.testing.assert_close(network(features[order], positions[order]), network(features, positions))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("by_point", [False, True])
def test_a_batch_is_a_loop_in_any_order(name: str, by_point: bool) -> None:
    torch.manual_seed(0)
    network = (NETWORKS[name](pool=None) if by_point else NETWORKS[name]()).double().eval()
    clouds = [torch.randn(n, 3, dtype=torch.float64) for n in (9, 1, 14, 3)]
    one_by_one = [network(with_one(x), x, radius_graph(x, 2.0)) for x in clouds]
    batch = torch.repeat_interleave(torch.arange(4), torch.tensor([9, 1, 14, 3]))
    positions, features = torch.cat(clouds), torch.cat([with_one(x) for x in clouds])
    edges = radius_graph(positions, 2.0, batch)
    together = network(features, positions, edges, batch, 4)
    torch.testing.assert_close(together, torch.cat(one_by_one))
    order = torch.randperm(len(batch))
    shuffled = network(features[order], positions[order], torch.argsort(order)[edges], batch[order], 4)
    torch.testing.assert_close(shuffled, together[order] if by_point else together)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_degenerate_clouds_have_finite_outputs_and_gradients(name: str, cloud: str, training: bool) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().train(training)
    positions = CLOUDS[cloud].clone().requires_grad_()
    edges = (1 - torch.eye(len(positions))).nonzero().T.contiguous()
    output = network(with_one(positions), positions, edges, torch.zeros(len(positions), dtype=torch.int64), 1)
    assert output.shape == (1, 3)
    assert output.isfinite().all()
    output.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in [positions, *network.parameters()])
    assert all(buffer.isfinite().all() for buffer in network.buffers())


def test_without_features_the_centered_positions_serve() -> None:
    torch.manual_seed(0)
    network = VectorDGCNN("1x1o", "3x0e", k=5, **SMALL).double()
    positions, batch = torch.randn(12, 3, dtype=torch.float64), torch.tensor([0] * 5 + [1] * 7)
    centered = torch.cat([positions[:5] - positions[:5].mean(0), positions[5:] - positions[5:].mean(0)])
    torch.testing.assert_close(network(None, positions, None, batch), network(centered, positions, None, batch, 2))


def test_it_is_the_network_that_the_paper_writes() -> None:
    from plain_vector import PlainVectorDGCNN

    torch.manual_seed(0)
    ours = VectorDGCNN("1x1o", "5x0e", k=6, widths=(5, 4, 7), embedding_dim=9, head=(8,), dropout=0.0)
    for norm in (module for module in ours.modules() if hasattr(module, "running_variance")):
        torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    plain, ours = PlainVectorDGCNN(ours).double(), ours.double()
    positions = torch.randn(3, 40, 3, dtype=torch.float64)
    outputs = ours(None, positions.flatten(0, 1), None, torch.arange(3).repeat_interleave(40), 3)
    expected = plain(positions)
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-9)
    weights = torch.randn_like(expected)
    (ours_slope,) = torch.autograd.grad((outputs * weights).sum(), ours.embed.lift.values.weights[0])
    (plain_slope,) = torch.autograd.grad((expected * weights).sum(), plain.convs[0].values.weight)
    torch.testing.assert_close(ours_slope[0, 0], plain_slope[:, 1], rtol=1e-7, atol=1e-7)


def test_the_twins_have_as_many_parameters() -> None:
    vector, plain = VectorDGCNN("1x1o", "12x0e"), DGCNN("1x1o", "12x0e")
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in (vector, plain)]
    assert 0.9 < counts[0] / counts[1] < 1.1


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: VectorDGCNN("1x2e", "3x0e"), 'scalars "0e" and vectors "1o" only, got "2e"'),
        (lambda: VectorDGCNN("1x1o", "1x1o"), "gives invariants"),
        (lambda: VectorDGCNN("1x1o", "3x0e", pool="sum"), '"max", "mean", "both" or None'),
        (lambda: VectorDGCNN("1x1o", "3x0e", neighbor_space="edges"), '"features" or "positions"'),
        (lambda: VectorDGCNN("1x1o", "3x0e", k=0), "at least 1"),
        (lambda: VectorDGCNN("1x1o", "3x0e", invariant_hidden=(4,)), "two layers"),
        (lambda: PointEncoder("1x0e", "1x2e", layer="vector"), "neurons' output takes scalars"),
        (lambda: PointEncoder("1x0e", "1x0e", layer="vector", hidden="4x0e"), "copies"),
        (lambda: PointEncoder("1x0e", "1x0e", layer={"name": "vector", "norm": "layer"}), '"batch" or "none"'),
        (lambda: PointNet("1x1o", "3x0e")(torch.ones(2, 4), torch.ones(2, 3)), r"features must be \(2, 3\)"),
        (lambda: PointNet(O3().rep("1x1o"), O3().rep("3x0o")), "gives invariants"),
    ],
    ids=range(11),
)
def test_bad_use_says_so(make, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()
