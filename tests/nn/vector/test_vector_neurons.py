"""Vector neurons: their laws in space and in the plane, the paper's formulas as loops, the slides' layout, refusals."""

import pytest
import torch
from torch import Tensor, nn

import intertwine as iw
from intertwine.groups import O2, O3, SO2, SO3
from intertwine.nn import (
    Geometry,
    Linear,
    Pool,
    VectorBatchNorm,
    VectorEdgeConv,
    VectorInvariant,
    VectorLeakyReLU,
    VectorMaxPool,
    VectorPositionConv,
    VectorReLU,
    from_vector_layout,
    to_vector_layout,
)
from intertwine.ops import Graph, radius_graph
from intertwine.reps import Rep
from intertwine.testing import assert_equivariant

GROUPS = [SO3(), O3(), SO2(), O2()]
VN_EPSILON = 1e-6


def copies(group, count: int) -> Rep:
    return count * group.vector


LAYERS = {
    "relu": lambda G: VectorReLU(copies(G, 4), copies(G, 6)),
    "leaky relu, normalized": lambda G: VectorLeakyReLU(copies(G, 4), copies(G, 6), norm=VectorBatchNorm(copies(G, 6))),
    "leaky relu, one direction": lambda G: VectorLeakyReLU(copies(G, 4), directions="shared"),
    "batch norm": lambda G: VectorBatchNorm(copies(G, 4)),
    "invariant": lambda G: VectorInvariant(copies(G, 4)),
    "invariant, by point": lambda G: VectorInvariant(copies(G, 4), scope="point", norm=None),
    "max pool": lambda G: VectorMaxPool(copies(G, 4)),
    "mean pool": lambda G: Pool(copies(G, 4), "mean"),
    "edge conv": lambda G: VectorEdgeConv(copies(G, 4), copies(G, 5), norm=VectorBatchNorm(copies(G, 5))),
    "lift": lambda G: VectorPositionConv(copies(G, 2), copies(G, 5), norm=VectorBatchNorm(copies(G, 5))),
    "lift of positions alone": lambda G: VectorPositionConv(copies(G, 0), copies(G, 5)),
}


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_equivariant_in_training(name: str, group) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name](group)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    assert_equivariant(layer, modes=("train",), tolerance=1e-12, dtypes=(torch.float64,), samples=12)


@pytest.mark.parametrize("group", [O3(), O2()], ids=str)
def test_the_cross_product_is_caught_under_reflections(group) -> None:
    class Crossing(nn.Module):
        rep_in = rep_out = copies(group, 2)

        def forward(self, features: Tensor) -> Tensor:
            v = features.unflatten(-1, (2, -1))
            if group == O2():
                return torch.stack([-v[..., 1], v[..., 0]], -1).flatten(-2)  # the quarter turn
            return torch.linalg.cross(v, v.flip(-2)).flatten(-2)

    with pytest.raises(AssertionError):
        assert_equivariant(Crossing())


def test_an_affine_nonlinearity_is_caught() -> None:
    class Shifted(VectorReLU):
        def forward(self, features: Tensor) -> Tensor:
            return super().forward(features + 0.1)

    with pytest.raises(AssertionError):
        assert_equivariant(Shifted(O3().rep("4x1o")))


@pytest.mark.parametrize(("group", "factor"), [(SO2(), 2), (O2(), 1), (SO3(), 1), (O3(), 1)], ids=str)
def test_the_linear_maps_are_all_there_are(group, factor: int) -> None:
    layer = Linear(copies(group, 3), copies(group, 5))
    assert sum(parameter.numel() for parameter in layer.parameters()) == factor * 3 * 5
    assert len(iw.intertwiners(copies(group, 3), copies(group, 5))) == factor * 3 * 5


def test_planar_neurons_of_rotations_are_complex() -> None:
    torch.manual_seed(0)
    layer = Linear(SO2().rep("3x1"), SO2().rep("2x1")).double()
    x = torch.randn(7, 3, 2, dtype=torch.float64)
    (real, imaginary) = layer.weights[0]
    expected = torch.view_as_complex(x) @ torch.complex(real, imaginary)
    torch.testing.assert_close(layer(x.flatten(1)), torch.view_as_real(expected).flatten(1))


class VNLinear(nn.Module):
    """As the slides have it."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.map_to_feat = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, x):
        return self.map_to_feat(x.transpose(1, -1)).transpose(1, -1)


@pytest.mark.parametrize("shape", [(2, 11), (2, 7, 4)], ids=str)
def test_linear_is_the_slides_in_their_layout(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    theirs, ours = VNLinear(4, 6), Linear(O3().rep("4x1o"), O3().rep("6x1o"))
    ours.weights[0].data[0] = theirs.map_to_feat.weight.data.T
    neurons = torch.randn(shape[0], 4, 3, *shape[1:])
    torch.testing.assert_close(to_vector_layout(ours(from_vector_layout(neurons))), theirs(neurons))
    torch.testing.assert_close(to_vector_layout(from_vector_layout(neurons)), neurons, rtol=0, atol=0)


def vectors(features: Tensor) -> Tensor:
    return features.unflatten(-1, (-1, 3))


def relu_by_loops(layer: VectorReLU, features: Tensor) -> Tensor:
    """Point by point, channel by channel: eqs. 4-6, normalized as section 3.4 says."""
    w, u = layer.values.weights[0][0], layer.directions.weights[0][0]
    q = torch.einsum("ci,noc->nio", w, vectors(features).mT).clone()
    norms = q.norm(dim=-1) + VN_EPSILON
    if layer.norm is not None:
        normed = nn.functional.batch_norm(norms, None, None, layer.norm.weight, layer.norm.bias, training=True)
        q = q / norms[..., None] * normed[..., None]
    result = torch.empty_like(q)
    for n in range(q.shape[0]):
        for c in range(q.shape[1]):
            k = sum(u[i, c if u.shape[1] > 1 else 0] * vectors(features)[n, i] for i in range(u.shape[0]))
            along = q[n, c] @ k
            result[n, c] = (
                q[n, c] if along >= 0 else q[n, c] - (1 - layer.negative_slope) * along / (k @ k + VN_EPSILON) * k
            )
    return result.flatten(-2)


@pytest.mark.parametrize("directions", ["each", "shared"])
@pytest.mark.parametrize("normalized", [False, True])
def test_relu_is_the_papers(directions, normalized: bool) -> None:
    torch.manual_seed(0)
    norm = VectorBatchNorm(O3().rep("5x1o")) if normalized else None
    layer = VectorLeakyReLU(O3().rep("4x1o"), O3().rep("5x1o"), directions=directions, norm=norm).double()
    if norm is not None:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    features = torch.randn(9, 12, dtype=torch.float64)
    torch.testing.assert_close(layer(features), relu_by_loops(layer, features), rtol=1e-12, atol=1e-12)


def test_batch_norm_is_torchs_of_the_lengths() -> None:
    torch.manual_seed(0)
    ours, theirs = VectorBatchNorm(O3().rep("4x1o")).double(), nn.BatchNorm1d(4).double()
    theirs.bias.data.copy_(ours.bias)
    for _ in range(3):
        features = torch.randn(20, 12, dtype=torch.float64) * 3
        norms = vectors(features).norm(dim=-1)
        expected = theirs(norms + VN_EPSILON)[..., None] / (norms + VN_EPSILON)[..., None] * vectors(features)
        torch.testing.assert_close(ours(features), expected.flatten(-2), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.running_variance, theirs.running_var, rtol=0, atol=1e-6)
    expected = theirs.eval()(norms + VN_EPSILON)[..., None] / (norms + VN_EPSILON)[..., None] * vectors(features)
    torch.testing.assert_close(ours.eval()(features), expected.flatten(-2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("group", [SO2(), O3()], ids=str)
def test_batch_norm_begins_as_a_scaling(group) -> None:
    torch.manual_seed(0)
    norm, given = VectorBatchNorm(copies(group, 3)), 5 * torch.randn(20_000, 3 * group.vector.dim)
    before, after = (x.unflatten(-1, (3, -1)) for x in (given, norm(given)))
    lengths = before.norm(dim=-1)
    torch.testing.assert_close(after, before / lengths.std(0)[:, None], rtol=0, atol=0.05)
    nn.init.zeros_(norm.bias)
    turned = (norm(given).unflatten(-1, (3, -1)) * before).sum(-1) < 0
    assert 0.4 < turned.float().mean() < 0.6  # what the paper's begins with


def test_max_pool_is_the_papers() -> None:
    torch.manual_seed(0)
    pool = VectorMaxPool(O3().rep("4x1o")).double()
    features, batch = torch.randn(12, 12, dtype=torch.float64), torch.tensor([2, 0, 2, 0, 0, 2, 2, 4, 2, 0, 2, 2])
    output = vectors(pool(features, batch, 5))
    directions = vectors(pool.directions(features))
    for structure in range(5):
        members = (batch == structure).nonzero()[:, 0]
        for c in range(4):
            if not len(members):
                assert output[structure, c].abs().sum() == 0
                continue
            best = max(members.tolist(), key=lambda n, c=c: float(directions[n, c] @ vectors(features)[n, c]))
            torch.testing.assert_close(output[structure, c], vectors(features)[best, c], rtol=0, atol=0)


def test_max_pool_over_neighbors_takes_the_targets() -> None:
    torch.manual_seed(0)
    pool = VectorMaxPool(SO3().rep("2x1"))
    edges = torch.tensor([[1, 2, 0], [0, 0, 1]])
    messages = torch.randn(3, 6)
    output = pool(messages, edges[1], 3)
    torch.testing.assert_close(output[1], messages[2])
    torch.testing.assert_close(output[:1], pool(messages[:2]))
    assert output[2].abs().sum() == 0


def test_invariant_is_the_papers() -> None:
    torch.manual_seed(0)
    layer = VectorInvariant(SO3().rep("4x1"), norm=None).double()
    features, batch = torch.randn(9, 12, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1, 0, 2, 2, 1])
    means = torch.stack([features[batch == s].mean(0) for s in range(3)])[batch]
    both = torch.cat([features, means], 1)
    stacked = VectorLeakyReLU(SO3().rep("8x1"), layer.first.rep_out).double()
    for name, mean in (("values", layer.mean_values), ("directions", layer.mean_directions)):
        parts = [getattr(layer.first, name).weights[0], mean.weights[0]]
        getattr(stacked, name).weights[0].data = torch.cat(parts, 1).data
    frame = vectors(layer.frame(layer.second(stacked(both))))
    expected = torch.einsum("nca,nia->nic", vectors(features), frame).flatten(1)
    torch.testing.assert_close(layer(features, batch, 3), expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(layer(features, batch), expected, rtol=1e-11, atol=1e-11)


def lifted_pairs(layer: VectorPositionConv, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
    """``(E, 3 * 3)``: offset, the target's vector, their cross product."""
    offsets, own = positions[edges[0]] - positions[edges[1]], features[edges[1]]
    crossed = [torch.linalg.cross(offsets, own)] if layer.rep_in.group == SO3() else []
    return torch.cat([own, offsets, *crossed], 1)


@pytest.mark.parametrize("group", [SO3(), O3()], ids=str)
@pytest.mark.parametrize("normalized", [False, True])
def test_edge_layers_are_relu_on_pairs_and_a_mean(group, normalized: bool) -> None:
    torch.manual_seed(0)
    positions = torch.randn(12, 3, dtype=torch.float64)
    edges, features = radius_graph(positions, 2.5), torch.randn(12, 3, dtype=torch.float64)
    out = copies(group, 5)
    for make, count in ((VectorPositionConv, 3 if group == SO3() else 2), (VectorEdgeConv, 2)):
        norm = VectorBatchNorm(out) if normalized else None
        layer = make(copies(group, 1), out, norm=norm).double()
        on_pairs = VectorLeakyReLU(copies(group, count), out, norm=norm).double()
        for name in ("values", "directions"):
            parts = [getattr(layer, name).weights[0], getattr(layer, f"difference_{name}").weights[0]]
            getattr(on_pairs, name).weights[0].data = torch.cat(parts, 1).data
        if make is VectorPositionConv:
            pairs = lifted_pairs(layer, features, positions, edges)
        else:
            pairs = torch.cat([features[edges[1]], features[edges[0]] - features[edges[1]]], 1)
        expected = Pool(out, "mean")(relu_by_loops(on_pairs, pairs), edges[1], 12)
        for where in ((positions, edges), (Geometry.from_edges(positions, edges),)):
            torch.testing.assert_close(layer(features, *where), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_with_slope_one_nothing_but_the_linear_maps_is_left(group) -> None:
    torch.manual_seed(0)
    rep, n = copies(group, 2), group.dimension
    features, positions = torch.randn(5, 2 * n, dtype=torch.float64), torch.randn(5, n, dtype=torch.float64)
    relu = VectorReLU(rep, copies(group, 3), negative_slope=1.0).double()
    torch.testing.assert_close(relu(features), relu.values(features))
    edges = torch.tensor([[1, 2, 3], [0, 1, 4]])  # one neighbor each, or none
    source, target = edges
    for make in (VectorEdgeConv, VectorPositionConv):
        conv = make(rep, copies(group, 3), negative_slope=1.0).double()
        differing = features[source] - features[target]
        if make is VectorPositionConv:
            differing = positions[source] - positions[target]
            crossed = [torch.linalg.cross(differing, x) for x in features[target].split(n, 1)] if group == SO3() else []
            differing = torch.cat([differing, *crossed], 1)
        expected = torch.zeros(5, 3 * n, dtype=torch.float64)
        expected[target] = conv.values(features[target]) + conv.difference_values(differing)
        torch.testing.assert_close(conv(features, positions, edges), expected)


def test_a_graph_serves_as_well_as_edges() -> None:
    conv, x = VectorEdgeConv(O3().rep("2x1o"), O3().rep("3x1o")), torch.randn(5, 6)
    edges = torch.tensor([[1, 2, 3, 0], [0, 0, 1, 4]])
    torch.testing.assert_close(conv(x, Graph.from_edges(edges, 5)), conv(x, torch.zeros(5, 3), edges))


CLOUDS = {
    "one point": torch.zeros(1, 3),
    "all points equal": torch.ones(4, 3),
    "a line": torch.arange(5.0)[:, None] * torch.tensor([[1.0, 2.0, 0.5]]),
    "none": torch.zeros(0, 3),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_degenerate_clouds_have_finite_outputs_and_gradients(name: str, cloud: str, training: bool) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name](SO3()).train(training)
    positions = CLOUDS[cloud].clone()
    size, channels = len(positions), layer.rep_in.dim // 3
    features = (positions - (positions.mean(0) if size else 0)).repeat(1, channels).requires_grad_()
    edges = (1 - torch.eye(size)).nonzero().T.contiguous()
    where = (positions, edges) if isinstance(layer, VectorEdgeConv) else ()
    output = layer(features, *where)
    assert output.isfinite().all()
    if not output.requires_grad:
        return
    output.square().sum().backward()
    parameters = [p for p in layer.parameters() if p.requires_grad]
    assert all(p.grad is None or p.grad.isfinite().all() for p in [features, *parameters])
    assert all(b.isfinite().all() for b in layer.buffers())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: VectorReLU(O3().rep("4x0e")), 'needs copies of one vector, such as "8x1o", got "4x0e"'),
        (lambda: VectorReLU(O3().rep("4x0e + 2x1o")), "copies of one vector"),
        (lambda: VectorReLU(O3().rep("4x1o"), O3().rep("2x1e")), "the same vector on both sides"),
        (lambda: VectorReLU(O3().rep("4x1o"), directions="all"), '"each" or "shared"'),
        (lambda: VectorReLU(O3().rep("4x1o"), norm=VectorBatchNorm(O3().rep("3x1o"))), "norm must be of 4x1o"),
        (lambda: VectorPositionConv(O3().rep("4x1e"), O3().rep("4x1o")), "the vector of the group"),
        (lambda: VectorPositionConv(O3().rep("1x1o"), O3().rep("0x1o")), "at least one"),
        (lambda: VectorInvariant(O3().rep("4x1o"), scope="cloud"), '"structure" or "point"'),
        (lambda: VectorBatchNorm(O3().rep("4x1o"))(torch.ones(2, 11)), r"expected features \(..., 12\)"),
        (lambda: VectorEdgeConv(O3().rep("1x1o"), O3().rep("1x1o"))(torch.ones(2, 3), torch.ones(2, 3)), "edges"),
        (
            lambda: VectorPositionConv("1x1o", "1x1o")(torch.ones(2, 3), Graph.from_edges(torch.zeros(2, 0).long(), 2)),
            "no positions",
        ),
        (lambda: VectorPositionConv(O2().rep("1x1"), O2().rep("1x1"))(torch.ones(2, 2), torch.ones(2, 3),
                                                             torch.zeros(2, 0).long()), r"\(N, 2\)"),
        (lambda: to_vector_layout(torch.ones(2, 4)), r"\(B, ..., C \* 3\)"),
        (lambda: from_vector_layout(torch.ones(2, 4)), "vector neurons"),
    ],
    ids=range(14),
)  # fmt: skip
def test_bad_use_says_so(make, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()
