"""The steerable convolution beside e3nn with the same weights, beside a loop, and against its laws."""

import pytest
import torch
from e3nn import o3

from intertwine.groups import O3, SO3
from intertwine.nn import SteerableConv, e3nn_weights, load_e3nn_weights
from intertwine.ops import radius_graph, spherical_harmonics
from intertwine.testing import assert_equivariant

SETS = [
    ("5x0e + 5x1o", "5x0e + 1x1o", 2),
    ("8x0e + 4x1o + 2x2e", "8x0e + 4x1o + 2x2e", 2),
    ("3x0o + 2x1e", "2x0e + 2x1o + 1x2o", 3),
    ("2x0e + 2x0o + 2x1e + 2x1o", "1x0e + 2x0o + 3x1e + 1x1o + 1x2e + 1x2o", 2),
    ("4x1o", "4x1o", 1),
    ("1x3o + 2x2e", "2x3o + 1x0e", 4),
    ("2x1o + 3x0e + 1x1o", "1x1o + 2x0e + 2x1o", 2),
    ("6x0e", "2x0e + 1x1o + 1x2e + 1x3o", 3),
]


def cloud(points: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.randn(points, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    return positions, radius_graph(positions, 4.0)


def reference(
    conv: SteerableConv, features: torch.Tensor, positions: torch.Tensor, edges: torch.Tensor
) -> torch.Tensor:
    """e3nn's fully connected tensor product on every edge, with the weight matrices of ``conv``, then a sum."""
    irreps_in, irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
    harmonics = o3.Irreps.spherical_harmonics(conv.lmax)
    product = o3.FullyConnectedTensorProduct(irreps_in, harmonics, irreps_out, shared_weights=False).double()
    vectors = positions[edges[0]] - positions[edges[1]]
    radial = conv.radial(vectors.norm(dim=-1))
    matrices = {}
    for (i, o), weight in zip(conv.coupling.pairs(), conv.weights, strict=True):
        paths = conv.coupling.paths(i, o)
        by_path = weight.unflatten(0, (len(paths), -1, conv.radial.width))
        for k, degree in enumerate(paths):
            matrices[i, degree, o] = torch.einsum("eh,cho->eco", radial, by_path[k])
    flat = []
    for path in product.instructions:
        ours = (2 * irreps_out[path.i_out].ir.l + 1) ** 0.5
        flat.append(matrices[path.i_in1, path.i_in2, path.i_out].flatten(1) * ours / path.path_weight)
    messages = product(features[edges[0]], spherical_harmonics(conv.lmax, vectors), torch.cat(flat, 1))
    return torch.zeros(len(positions), irreps_out.dim, dtype=torch.float64).index_add(0, edges[1], messages)


@pytest.mark.parametrize("width", [6, 24])  # aggregates kept, and made again
@pytest.mark.parametrize(("rep_in", "rep_out", "lmax"), SETS)
def test_equal_to_e3nn_with_the_same_weights(rep_in: str, rep_out: str, lmax: int, width: int) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        conv = SteerableConv(
            O3().rep(rep_in), O3().rep(rep_out), lmax=lmax, radial_basis=4, radial_hidden=(width,)
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


@pytest.mark.parametrize(("rep_in", "rep_out", "lmax"), SETS)
def test_takes_the_weights_of_e3nn_and_gives_them_back(rep_in: str, rep_out: str, lmax: int) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # e3nn's constants follow it
    try:
        harmonics = o3.Irreps.spherical_harmonics(lmax)
        product = o3.FullyConnectedTensorProduct(rep_in, harmonics, rep_out, shared_weights=False)
        conv = SteerableConv(
            O3().rep(rep_in), O3().rep(rep_out), lmax=lmax, radial_basis=4, radial_hidden=(6,)
        ).double()
        matrix = torch.randn(6, product.weight_numel)
        load_e3nn_weights(conv, matrix)
        torch.testing.assert_close(e3nn_weights(conv), matrix, rtol=1e-14, atol=1e-14)
        positions, edges = cloud()
        vectors, features = positions[edges[0]] - positions[edges[1]], torch.randn(len(positions), conv.rep_in.dim)
        messages = product(
            features[edges[0]], spherical_harmonics(lmax, vectors), conv.radial(vectors.norm(dim=-1)) @ matrix
        )
        expected = torch.zeros(len(positions), messages.shape[1]).index_add(0, edges[1], messages)
        torch.testing.assert_close(conv(features, positions, edges), expected, rtol=1e-12, atol=1e-12)
    finally:
        torch.set_default_dtype(before)
    with pytest.raises(ValueError, match="expected a matrix"):
        load_e3nn_weights(conv, matrix[:, 1:])


def test_the_slides_listing_has_five_paths_and_sixty_five_weights() -> None:
    conv = SteerableConv(O3().rep("5x0e + 5x1o"), O3().rep("5x0e + 1x1o"), lmax=2, radial_basis=1, radial_hidden=())
    assert sum(len(conv.coupling.paths(i, o)) for i, o in conv.coupling.pairs()) == 5
    assert sum(weight.numel() for weight in conv.weights) == 65


@pytest.mark.parametrize("group", [SO3(), O3()])
def test_equivariant_under_its_group(group) -> None:
    text = "3x0 + 2x1 + 1x2" if group == SO3() else "3x0e + 2x1o + 1x2e + 1x1e + 1x0o"
    rep = group.rep(text)
    assert_equivariant(SteerableConv(rep, rep, lmax=3, radial_basis=4, radial_hidden=(8,)))


def test_so3_has_the_odd_paths_that_o3_forbids() -> None:
    free = SteerableConv(SO3().rep("1x1"), SO3().rep("1x1"), lmax=2, radial_basis=1, radial_hidden=())
    bound = SteerableConv(O3().rep("1x1o"), O3().rep("1x1o"), lmax=2, radial_basis=1, radial_hidden=())
    assert free.coupling.paths(0, 0) == [0, 1, 2]
    assert bound.coupling.paths(0, 0) == [0, 2]


def test_the_order_of_the_edges_is_of_no_consequence() -> None:
    rep = O3().rep("4x0e + 2x1o")
    conv = SteerableConv(rep, rep, radial_basis=4, radial_hidden=()).double()
    positions, edges = cloud()
    features = torch.randn(len(positions), rep.dim, dtype=torch.float64)
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(conv(features, positions, edges), conv(features, positions, shuffled))


def test_a_point_without_neighbors_hears_nothing() -> None:
    rep = O3().rep("2x0e + 1x1o")
    conv = SteerableConv(rep, rep)
    output = conv(torch.ones(3, 5), torch.tensor([[0.0, 0, 0], [1, 0, 0], [9, 9, 9]]), torch.tensor([[1, 0], [0, 1]]))
    assert (output[2] == 0).all()
    assert output[:2].abs().max() > 0
    assert conv(torch.ones(1, 5), torch.zeros(1, 3), torch.zeros((2, 0), dtype=torch.int64)).tolist() == [[0.0] * 5]


def test_smooth_at_the_cutoff_and_finite_at_coincident_points() -> None:
    rep = O3().rep("1x0e + 1x1o")
    conv = SteerableConv(rep, rep, cutoff=2.0).double()
    features, edges = torch.ones(2, 4, dtype=torch.float64), torch.tensor([[1, 0], [0, 1]])
    for distance, bound in [(2.0 - 1e-4, 1e-8), (2.0, 0.0), (2.5, 0.0)]:
        positions = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        assert conv(features, positions, edges).abs().max() <= bound
    positions = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    conv(features, positions, edges).sum().backward()
    assert positions.grad is not None
    assert positions.grad.isfinite().all()


@pytest.mark.parametrize("width", [4, 17])
def test_forces_can_be_trained_on(width: int) -> None:
    conv = SteerableConv(
        O3().rep("2x0e + 1x1o"), O3().rep("1x0e + 1x1o"), lmax=2, radial_basis=3, radial_hidden=(width,)
    ).double()
    positions, edges = cloud(5)
    features = torch.randn(5, 5, dtype=torch.float64, requires_grad=True)
    positions.requires_grad_()
    assert torch.autograd.gradcheck(lambda f, p: conv(f, p, edges), (features, positions))
    assert torch.autograd.gradgradcheck(lambda f, p: conv(f, p, edges)[:2], (features, positions))


def test_with_many_radial_functions_it_exports_compiles_and_obeys_its_law_after_training() -> None:
    rep = O3().rep("3x0e + 2x1o + 1x2e")
    conv = SteerableConv(rep, rep, radial_basis=4, radial_hidden=(32,))
    positions, edges = cloud()
    inputs = torch.randn(len(positions), rep.dim), positions.float(), edges
    torch.testing.assert_close(torch.export.export(conv, inputs).module()(*inputs), conv(*inputs))
    torch._dynamo.reset()
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    found, expected = (
        torch.autograd.grad(function(*inputs).square().sum(), list(conv.parameters())) for function in (compiled, conv)
    )
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (conv(*inputs) - 1).square().mean().backward()
        optimizer.step()
    assert_equivariant(conv)


def test_bad_use_says_so() -> None:
    rep = O3().rep("2x0e + 1x1o")
    with pytest.raises(ValueError, match="one group"):
        SteerableConv(rep, SO3().rep("1x0"))
    with pytest.raises(ValueError, match="sum of irreps"):
        SteerableConv(O3().vector * O3().vector, rep)
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 5\)"):
        SteerableConv(rep, rep)(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="neighbors"):
        SteerableConv(rep, rep, avg_num_neighbors=0)
