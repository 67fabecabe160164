"""The convolution in the frames of the edges beside e3nn and `SteerableConv` with the same weights, and its laws."""

import pytest
import torch
from e3nn import o3

from intertwine.groups import O3, SO3
from intertwine.nn import Geometry, SO2Conv, SteerableConv
from intertwine.ops import Graph, path_weights, radius_graph, so2_conv, spherical_harmonics
from intertwine.testing import assert_equivariant

SETS = [
    ("5x0e + 5x1o", "5x0e + 1x1o"),
    ("8x0e + 4x1o + 2x2e", "8x0e + 4x1o + 2x2e"),
    ("3x0o + 2x1e", "2x0e + 2x1o + 1x2o"),
    ("2x0e + 2x0o + 2x1e + 2x1o", "1x0e + 2x0o + 3x1e + 1x1o + 1x2e + 1x2o"),
    ("1x3o + 2x2e", "2x3o + 1x0e"),
    ("2x1o + 3x0e + 1x1o", "1x1o + 2x0e + 2x1o"),
    ("6x0e", "2x0e + 1x1o + 1x2e + 1x4e"),
    ("1x4o + 1x3e", "1x4e + 1x4o"),
]


def cloud(points: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    """Points, two of them in one place, and edges, one of them from a point to itself."""
    positions = torch.randn(points, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    positions[1] = positions[0]
    return positions, torch.cat([radius_graph(positions, 4.0), torch.tensor([[2], [2]])], 1)


def scales_by_block(conv: SO2Conv) -> dict[int, torch.Tensor]:
    order = conv.coupling.scale_order()
    return dict(zip(order, conv.scales.split([conv.coupling.inputs[i][1] for i in order], 1), strict=True))


def reference(conv, features: torch.Tensor, positions: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """e3nn's fully connected tensor product on every edge, all paths, each channel scaled by the edge; then a sum."""
    irreps_in, irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
    lmax = irreps_in.lmax + irreps_out.lmax
    harmonics = o3.Irreps.spherical_harmonics(lmax)
    product = o3.FullyConnectedTensorProduct(irreps_in, harmonics, irreps_out, shared_weights=False).double()
    vectors = positions[edges[0]] - positions[edges[1]]
    radial, scales = conv.radial(vectors.norm(dim=-1)) / conv.avg_num_neighbors**0.5, scales_by_block(conv)
    paths = path_weights(conv.coupling, list(conv.weights))
    flat = []
    for path in product.instructions:
        scaled = torch.einsum("ec,co->eco", radial @ scales[path.i_in1], paths[path.i_in1, path.i_in2, path.i_out])
        flat.append(scaled.flatten(1) * (2 * irreps_out[path.i_out].ir.l + 1) ** 0.5 / path.path_weight)
    messages = product(features[edges[0]], spherical_harmonics(lmax, vectors), torch.cat(flat, 1))
    return torch.zeros(len(positions), irreps_out.dim, dtype=torch.float64).index_add(0, edges[1], messages)


@pytest.mark.parametrize(("rep_in", "rep_out"), SETS)
def test_equal_to_e3nn_with_the_same_weights(rep_in: str, rep_out: str) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        conv = SO2Conv(
            O3().rep(rep_in), O3().rep(rep_out), radial_basis=4, radial_hidden=(8,), avg_num_neighbors=3
        ).double()
        positions, edges = cloud()
        features = torch.randn(len(positions), conv.rep_in.dim, dtype=torch.float64)
        with torch.no_grad():
            theirs = reference(conv, features, positions, edges)
            torch.testing.assert_close(conv(features, positions, edges), theirs, rtol=1e-12, atol=1e-12)
            single = conv.float()(features.float(), positions.float(), edges)
            assert (single - theirs).norm() <= 1e-5 * theirs.norm()
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("group", "rep_in", "rep_out"),
    [
        (O3(), "4x0e + 3x1o + 2x2e", "4x0e + 3x1o + 2x2e"),
        (O3(), "1x0o + 2x1e + 2x1o", "1x2e + 2x2o + 1x0o"),
        (SO3(), "2x0 + 3x1 + 1x3", "2x2 + 1x0 + 1x1"),
    ],
    ids=str,
)
def test_a_steerable_conv_whose_radial_weights_are_products(group, rep_in: str, rep_out: str) -> None:
    torch.manual_seed(0)
    conv = SO2Conv(
        group.rep(rep_in), group.rep(rep_out), radial_basis=4, radial_hidden=(8,), avg_num_neighbors=3
    ).double()
    top = [max(degree for (degree, _), _ in side) for side in (conv.coupling.inputs, conv.coupling.outputs)]
    other = SteerableConv(
        conv.rep_in, conv.rep_out, lmax=sum(top), radial_basis=4, radial_hidden=(8,), avg_num_neighbors=3
    ).double()
    other.radial.load_state_dict(conv.radial.state_dict())
    scales, paths = scales_by_block(conv), path_weights(conv.coupling, list(conv.weights))
    with torch.no_grad():
        for (i, o), weight in zip(other.coupling.pairs(), other.weights, strict=True):
            each = [torch.einsum("hc,co->cho", scales[i], paths[i, j, o]) for j in other.coupling.paths(i, o)]
            weight.copy_(torch.stack(each).flatten(0, 2))
    positions, edges = cloud()
    features = torch.randn(len(positions), conv.rep_in.dim, dtype=torch.float64)
    mine, theirs = conv(features, positions, edges), other(features, positions, edges)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mmax", [0, 1, 2])
@pytest.mark.parametrize("group", [SO3(), O3()], ids=str)
def test_equivariant_however_many_orders_are_mixed(group, mmax: int) -> None:
    torch.manual_seed(0)
    rep = group.rep("3x0 + 2x1 + 1x2 + 1x4" if group == SO3() else "3x0e + 2x1o + 1x2e + 1x1e + 1x0o + 1x4e")
    assert_equivariant(SO2Conv(rep, rep, mmax=mmax, radial_basis=4, radial_hidden=(8,)))


def test_one_weight_out_of_place_is_caught() -> None:
    """The components 1 and 1' must share their weights."""
    torch.manual_seed(0)
    rep = O3().rep("1x0e + 1x1o")

    class Broken(SO2Conv):
        def forward(self, features, positions, edges=None):
            found = super().forward(features, positions, edges)
            return found + 0.01 * torch.nn.functional.pad(features[:, 3:], (3, 0))

    with pytest.raises(AssertionError):
        assert_equivariant(Broken(rep, rep, radial_basis=4, radial_hidden=(8,)))


def test_high_degrees_keep_their_digits() -> None:
    torch.manual_seed(0)
    rep = O3().rep(" + ".join(f"1x{degree}{'eo'[degree % 2]}" for degree in (0, 3, 7)))
    assert_equivariant(SO2Conv(rep, rep, radial_basis=4, radial_hidden=()))


def test_keeps_the_variance_of_independent_features() -> None:
    torch.manual_seed(0)
    rep, ring = O3().rep("64x0e + 64x1o + 64x2e"), torch.stack([torch.arange(64).roll(1), torch.arange(64)])
    conv = SO2Conv(rep, rep)
    features, ones = torch.randn(64, rep.dim), torch.ones(64, 1)
    with torch.no_grad():
        graph, weights = Graph.from_edges(ring, 64), list(conv.weights)
        found = so2_conv(features, ones, torch.randn(64, 3), graph, conv.coupling, torch.ones(1, 192), weights).square()
    for part in found.split([64, 192, 320], 1):
        assert 0.8 < part.mean() < 1.25


def test_the_order_of_the_edges_is_of_no_consequence_and_a_geometry_serves() -> None:
    rep = O3().rep("4x0e + 2x1o")
    conv = SO2Conv(rep, rep, radial_basis=4, radial_hidden=()).double()
    positions, edges = cloud()
    features = torch.randn(len(positions), rep.dim, dtype=torch.float64)
    expected = conv(features, positions, edges)
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(expected, conv(features, positions, shuffled))
    torch.testing.assert_close(expected, conv(features, Geometry.from_edges(positions, edges, 2)))


def test_few_points_or_none() -> None:
    rep, nothing = O3().rep("2x0e + 1x1o"), torch.zeros((2, 0), dtype=torch.int64)
    conv = SO2Conv(rep, rep)
    output = conv(torch.ones(3, 5), torch.tensor([[0.0, 0, 0], [1, 0, 0], [9, 9, 9]]), torch.tensor([[1, 0], [0, 1]]))
    assert (output[2] == 0).all()
    assert output[:2].abs().max() > 0
    assert conv(torch.ones(1, 5), torch.zeros(1, 3), nothing).tolist() == [[0.0] * 5]
    assert conv(torch.ones(0, 5), torch.zeros(0, 3), nothing).shape == (0, 5)


def test_smooth_at_the_cutoff_and_finite_at_coincident_points() -> None:
    rep = O3().rep("1x0e + 1x1o")
    conv = SO2Conv(rep, rep, cutoff=2.0).double()
    features, edges = torch.ones(2, 4, dtype=torch.float64), torch.tensor([[1, 0], [0, 1]])
    for distance, bound in [(2.0 - 1e-4, 1e-8), (2.0, 0.0), (2.5, 0.0)]:
        positions = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        assert conv(features, positions, edges).abs().max() <= bound
    positions = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    conv(features, positions, edges).sum().backward()
    assert positions.grad is not None
    assert positions.grad.isfinite().all()


def test_forces_can_be_trained_on() -> None:
    torch.manual_seed(0)
    conv = SO2Conv(O3().rep("2x0e + 1x1o"), O3().rep("1x0e + 1x1o + 1x1e"), radial_basis=3, radial_hidden=(4,)).double()
    positions = torch.randn(4, 3, dtype=torch.float64)
    positions[1] = positions[0] + torch.tensor([0.0, 1.0, 0.0])  # the poles
    edges = torch.tensor([[0, 1, 2, 3, 1, 0], [1, 0, 0, 1, 2, 3]])
    features = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    positions.requires_grad_()
    assert torch.autograd.gradcheck(lambda f, p: conv(f, p, edges), (features, positions))
    assert torch.autograd.gradgradcheck(lambda f, p: conv(f, p, edges)[:2], (features, positions))


def test_compiled_gradients_are_the_same() -> None:
    torch.manual_seed(0)
    rep = O3().rep("3x0e + 2x1o + 1x2e")
    conv = SO2Conv(rep, rep, radial_basis=4, radial_hidden=(8,))
    positions, edges = cloud()
    positions, features = positions.float().requires_grad_(), torch.randn(len(positions), rep.dim)
    torch._dynamo.reset()
    compiled, wanted = torch.compile(conv, fullgraph=True, backend="aot_eager"), [*conv.parameters(), positions]
    results = (function(features, positions, edges).square().sum() for function in (compiled, conv))
    found, expected = (torch.autograd.grad(result, wanted) for result in results)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_bad_use_says_so() -> None:
    rep = O3().rep("2x0e + 1x1o")
    with pytest.raises(ValueError, match="one group"):
        SO2Conv(rep, SO3().rep("1x0"))
    with pytest.raises(ValueError, match="sum of irreps"):
        SO2Conv(O3().vector * O3().vector, rep)
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 5\)"):
        SO2Conv(rep, rep)(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="neighbors"):
        SO2Conv(rep, rep, avg_num_neighbors=0)
    with pytest.raises(ValueError, match="mmax"):
        SO2Conv(rep, rep, mmax=-1)
