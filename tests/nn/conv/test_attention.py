"""Steerable attention beside a loop over e3nn's tensor products, its laws, and the edges of its domain."""

import pytest
import torch
from e3nn import o3
from torch import Tensor

from intertwine.groups import O3, SO3
from intertwine.nn import Geometry, SteerableAttention, SteerableConv, SteerableCrossAttention, e3nn_weights
from intertwine.ops import radius_graph, segment_sum, smooth_cutoff, spherical_harmonics
from intertwine.testing import assert_equivariant

SETS = [
    ("8x0e + 4x1o + 2x2e", "4x0e + 2x1o + 2x2e", None, 2, 2),
    ("3x0o + 2x1e", "3x0e + 3x1o + 3x2o", "3x1e + 6x0o", 3, 3),
    ("2x0e + 1x0o + 1x1e + 1x1o", "4x0e + 4x1e + 4x1o", None, 4, 2),
    ("2x1o + 3x0e + 1x1o", "1x1o + 2x0e", "1x0e + 1x1o", 1, 1),
    ("6x0e", "2x0e + 2x1o + 2x2e + 2x3o", None, 2, 3),
]
IDS = [f"{rep_in} to {rep_out}" for rep_in, rep_out, *_ in SETS]


def cloud(points: int = 12) -> tuple[Tensor, Tensor]:
    positions = torch.randn(points, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 1.5
    return positions, radius_graph(positions, 3.0)


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def uniform(attend: SteerableCrossAttention) -> SteerableCrossAttention:
    """The same layer with queries that ask for nothing."""
    with torch.no_grad():
        for weight in attend.query.weights:
            weight.zero_()
    return attend


def message(conv: SteerableConv, product: o3.FullyConnectedTensorProduct, x: Tensor, vector: Tensor) -> Tensor:
    """One key or value, by e3nn."""
    weights = conv.radial(vector.norm()[None]) @ e3nn_weights(conv)
    return product(x[None], spherical_harmonics(conv.lmax, vector[None]), weights)[0]


def parts(x: Tensor, irreps: o3.Irreps, heads: int) -> Tensor:
    """``(heads, dim / heads)``."""
    return torch.cat([x[where].view(heads, -1) for where in irreps.slices()], 1)


def reference(
    attend: SteerableCrossAttention, queries: tuple[Tensor, Tensor], sources: tuple[Tensor, Tensor], edges: Tensor
) -> Tensor:
    """Node by node, neighbor by neighbor: every key and value made by e3nn, softmax of each node."""
    rep_in, key, out = (o3.Irreps(str(rep)) for rep in (attend.rep_in, attend.rep_key, attend.rep_out))
    products = [
        o3.FullyConnectedTensorProduct(
            rep_in, o3.Irreps.spherical_harmonics(attend.lmax), rep, shared_weights=False
        ).double()
        for rep in (key, out)
    ]
    asked, (x, positions) = attend.query(queries[0]), sources
    rows = []
    for i, here in enumerate(queries[1]):
        near = edges[0, edges[1] == i].tolist()
        if not near:
            rows.append(torch.zeros(out.dim, dtype=torch.float64))
            continue
        vectors = [positions[j] - here for j in near]
        keys = [message(attend.keys, products[0], x[j], r) for j, r in zip(near, vectors, strict=True)]
        values = [message(attend.values, products[1], x[j], r) for j, r in zip(near, vectors, strict=True)]
        q = parts(asked[i], key, attend.heads)
        logits = torch.stack([(q * parts(k, key, attend.heads)).sum(1) / q.shape[1] ** 0.5 for k in keys])
        weighted = torch.stack([smooth_cutoff(r.norm(), attend.cutoff) for r in vectors])[:, None] * logits.exp()
        alpha = weighted / weighted.sum(0)
        by_head = torch.stack([parts(v, out, attend.heads) for v in values])
        mixed, start, flat = (alpha[:, :, None] * by_head).sum(0), 0, []
        for block in out:
            width = block.dim // attend.heads
            flat.append(mixed[:, start : start + width].flatten())
            start += width
        rows.append(torch.cat(flat))
    return attend.avg_num_neighbors**0.5 * torch.stack(rows)


@pytest.mark.parametrize("width", [6, 24])
@pytest.mark.parametrize(("rep_in", "rep_out", "key", "heads", "lmax"), SETS, ids=IDS)
def test_equal_to_a_key_and_a_value_for_every_edge_by_e3nn(
    rep_in: str, rep_out: str, key: str | None, heads: int, lmax: int, width: int
) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        attend = SteerableAttention(
            O3().rep(rep_in),
            O3().rep(rep_out),
            rep_key=None if key is None else O3().rep(key),
            heads=heads,
            lmax=lmax,
            radial_basis=4,
            radial_hidden=(width,),
            cutoff=3.0,
            avg_num_neighbors=5.0,
        ).double()
        positions, edges = cloud()
        edges = edges[:, edges[1] != 3]  # a point that sees nobody
        features = draw(len(positions), attend.rep_in.dim)
        with torch.no_grad():
            theirs = reference(attend, (features, positions), (features, positions), edges)
            torch.testing.assert_close(attend(features, positions, edges), theirs, rtol=1e-12, atol=1e-12)
            single = attend.float()(features.float(), positions.float(), edges)
            assert (single - theirs).norm() <= 1e-5 * theirs.norm()
    finally:
        torch.set_default_dtype(before)


def crossing() -> tuple[SteerableCrossAttention, tuple[Tensor, Tensor], tuple[Tensor, Tensor], Tensor]:
    torch.manual_seed(0)
    rep_query, rep_in = O3().rep("3x0e + 1x1o"), O3().rep("2x0e + 2x1o + 1x2e")
    attend = SteerableCrossAttention(
        rep_query, rep_in, O3().rep("2x0e + 4x1o"), heads=2, cutoff=4.0, radial_basis=4, radial_hidden=(20,)
    )
    queries = draw(5, rep_query.dim), draw(5, 3, seed=2)
    sources = draw(9, rep_in.dim, seed=3), draw(9, 3, seed=4)
    near = torch.cdist(queries[1], sources[1]) < 2.5
    target, source = near.nonzero(as_tuple=True)
    return attend.double(), queries, sources, torch.stack([source, target])


def test_across_two_clouds_it_is_the_loop_as_well() -> None:
    attend, queries, sources, edges = crossing()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        theirs = reference(attend, queries, sources, edges)
    finally:
        torch.set_default_dtype(before)
    torch.testing.assert_close(attend(queries, sources, edges), theirs, rtol=1e-12, atol=1e-12)


def test_across_two_clouds_both_turn_and_each_is_renumbered_at_will() -> None:
    attend, queries, sources, edges = crossing()
    assert_equivariant(attend, inputs=(queries, sources, edges))
    generator = torch.Generator().manual_seed(5)
    p, s = torch.randperm(5, generator=generator), torch.randperm(9, generator=generator)
    renumbered = torch.stack([torch.argsort(s)[edges[0]], torch.argsort(p)[edges[1]]])
    moved = attend((queries[0][p], queries[1][p]), (sources[0][s], sources[1][s]), renumbered)
    torch.testing.assert_close(moved, attend(queries, sources, edges)[p], rtol=1e-12, atol=1e-12)


def test_of_one_cloud_the_cross_attention_is_the_self_attention() -> None:
    rep = O3().rep("4x0e + 2x1o")
    own, cross = (
        SteerableAttention(rep, rep, heads=2).double(),
        SteerableCrossAttention(rep, rep, rep, heads=2).double(),
    )
    cross.load_state_dict(own.state_dict())
    positions, edges = cloud()
    features = draw(len(positions), rep.dim)
    found = cross((features, positions), (features, positions), edges)
    torch.testing.assert_close(found, own(features, positions, edges), rtol=0, atol=0)


@pytest.mark.parametrize("group", [SO3(), O3()], ids=["SO3", "O3"])
def test_the_output_turns_and_the_coefficients_do_not(group: SO3 | O3) -> None:
    rep = group.rep("4x0 + 2x1 + 2x2" if group == SO3() else "4x0e + 2x0o + 2x1o + 2x1e")
    attend = SteerableAttention(rep, rep, heads=2, cutoff=3.0, radial_basis=4, radial_hidden=(8,)).double()
    assert_equivariant(attend)
    positions, edges = cloud()
    features = draw(len(positions), rep.dim)
    alpha = attend.coefficients(features, features, Geometry.from_edges(positions, edges, 2))
    for g in group.sample(32, generator=torch.Generator().manual_seed(0)):
        turned = features @ rep.matrix(g).mT
        found = attend.coefficients(turned, turned, Geometry.from_edges(positions @ g.mT + 7, edges, 2))
        torch.testing.assert_close(found, alpha, rtol=0, atol=1e-12)
    sums = segment_sum(alpha, Geometry.from_edges(positions, edges).graph.target, len(positions))[edges[1]]
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert alpha.std() > 0.01


def test_a_query_that_does_not_turn_is_caught() -> None:
    rep = O3().rep("2x0e + 2x1o")
    attend = SteerableAttention(rep, rep, heads=2)
    attend.query = torch.nn.Linear(rep.dim, rep.dim)  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        assert_equivariant(attend)


def test_with_uniform_coefficients_it_is_the_convolution() -> None:
    rep = O3().rep("4x0e + 2x1o")
    attend = uniform(SteerableAttention(rep, rep, heads=2, cutoff=1e3, avg_num_neighbors=4.0).double())
    positions, _ = cloud(5)
    target, source = (1 - torch.eye(5)).nonzero(as_tuple=True)
    edges, features = torch.stack([source, target]), draw(5, rep.dim)
    found, expected = attend(features, positions, edges), attend.values(features, positions, edges)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_one_edge_takes_all_attention_and_no_edge_gives_nothing() -> None:
    rep = O3().rep("4x0e + 4x1o")
    attend, features, positions = SteerableAttention(rep, rep).double(), draw(2, 16), draw(2, 3)
    one = attend(features, positions, torch.tensor([[1], [0]]))
    torch.testing.assert_close(one, attend.values(features, positions, torch.tensor([[1], [0]])))
    assert one[1].abs().max() == 0
    none = torch.zeros((2, 0), dtype=torch.int64)
    assert attend(features, positions, none).abs().max() == 0
    assert attend(features[:1], positions[:1], none).shape == (1, 16)
    assert attend(features[:0], positions[:0], none).shape == (0, 16)


def test_the_order_of_the_edges_is_of_no_consequence() -> None:
    rep = O3().rep("4x0e + 2x1o")
    attend = SteerableAttention(rep, rep, heads=2, radial_basis=4, radial_hidden=()).double()
    positions, edges = cloud()
    features, shuffled = draw(len(positions), rep.dim), edges[:, torch.randperm(edges.shape[1])]
    torch.testing.assert_close(attend(features, positions, edges), attend(features, positions, shuffled))


def test_an_edge_leaves_smoothly_at_the_cutoff() -> None:
    rep = O3().rep("2x0e + 2x1o")
    attend, features = SteerableAttention(rep, rep, heads=2, cutoff=2.0).double(), draw(3, rep.dim)
    edges = torch.tensor([[1, 2], [0, 0]])

    def at(distance: float) -> Tensor:
        positions = torch.tensor([[0.0, 0, 0], [0.6, 0.8, 0.1], [distance, 0, 0]], dtype=torch.float64)
        return attend(features, positions, edges)[0]

    gone = at(2.5)
    assert (at(1.9) - gone).norm() > 1e-4
    for step in (1e-2, 1e-3):  # the envelope has a triple zero
        assert (at(2 - step) - gone).norm() <= 200 * step**3
    torch.testing.assert_close(at(2.0), gone, rtol=0, atol=0)
    (alone,) = attend(features, torch.eye(3, dtype=torch.float64) * 3, edges)[:1]
    assert alone.abs().max() == 0


def test_finite_gradients_at_coincident_points_and_zero_features() -> None:
    rep = O3().rep("2x0e + 2x1o + 2x2e")
    attend = SteerableAttention(rep, rep, heads=2).double()
    edges = torch.tensor([[1, 0, 2, 2], [0, 1, 0, 1]])
    positions = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    features = torch.zeros(3, rep.dim, dtype=torch.float64, requires_grad=True)
    output = attend(features, positions, edges)
    for gradient in torch.autograd.grad((output - 1).square().sum(), [positions, features, *attend.parameters()]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("width", [2, 24])
def test_forces_can_be_trained_on(width: int) -> None:
    torch.manual_seed(0)
    rep = O3().rep("2x0e + 2x1o")
    attend = SteerableAttention(
        rep, O3().rep("2x0e"), heads=2, lmax=1, radial_basis=2, radial_hidden=(width,), cutoff=4.0
    ).double()
    positions, edges = cloud(4)
    features = draw(4, rep.dim).requires_grad_()
    positions.requires_grad_()
    assert torch.autograd.gradcheck(lambda f, p: attend(f, p, edges), (features, positions))
    assert torch.autograd.gradgradcheck(lambda f, p: attend(f, p, edges)[:2], (features, positions))


def test_with_many_radial_functions_it_exports_and_compiles() -> None:
    rep = O3().rep("4x0e + 4x1o")
    attend = SteerableAttention(rep, rep, lmax=1, radial_basis=4, radial_hidden=(64,))
    positions, edges = cloud()
    inputs = draw(len(positions), rep.dim).float(), positions.float(), edges
    torch.testing.assert_close(torch.export.export(attend, inputs).module()(*inputs), attend(*inputs))
    torch._dynamo.reset()
    compiled = torch.compile(attend, fullgraph=True, backend="aot_eager")
    found, expected = (
        torch.autograd.grad(function(*inputs).square().sum(), list(attend.parameters()))
        for function in (compiled, attend)
    )
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_bad_use_says_so() -> None:
    rep = O3().rep("4x0e + 2x1o")
    with pytest.raises(ValueError, match=r"4 heads do not divide .* rep_out = 4x0e \+ 2x1o; take 4x0e \+ 4x1o"):
        SteerableAttention(rep, rep)
    with pytest.raises(ValueError, match="heads must be at least 1"):
        SteerableAttention(rep, rep, heads=0)
    with pytest.raises(ValueError, match="one group"):
        SteerableAttention(rep, SO3().rep("4x0"))
    with pytest.raises(ValueError, match=r"expected features \(\.\.\., 10\)"):
        SteerableAttention(rep, rep, heads=2)(torch.ones(2, 4), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]]))
    attend, queries, (x, _), edges = crossing()
    with pytest.raises(ValueError, match="positions must have shape"):
        attend(queries, (x, x), edges)
