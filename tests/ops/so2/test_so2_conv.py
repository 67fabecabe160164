"""The SO(2) convolution beside the sum over Clebsch-Gordan paths: values, derivatives, counts."""

import pytest
import torch

from intertwine.groups import O3, SO3
from intertwine.hom import steerable_kernel
from intertwine.ops import (
    Coupling,
    Graph,
    SO2Coupling,
    edge_wigner_d,
    path_basis,
    path_weights,
    so2_conv,
    so2_weights,
    spherical_harmonics,
)
from intertwine.ops.so2 import _so2_inputs
from intertwine.ops.so2._so2_coupling import decode_so2_coupling, so2_layout
from intertwine.reps import wigner_3j

POLAR = SO2Coupling((((0, 1), 4), ((1, -1), 2), ((2, 1), 2)), (((1, -1), 2), ((0, 1), 4), ((3, -1), 1)), mmax=3)
MIXED = SO2Coupling(
    (((1, -1), 2), ((0, 1), 3), ((0, -1), 1), ((2, -1), 1), ((1, 1), 2)),
    (((2, 1), 2), ((1, 1), 1), ((1, -1), 3), ((0, -1), 2)),
    mmax=2,
)
FREE = SO2Coupling((((0, 1), 2), ((2, 1), 1), ((1, 1), 3)), (((1, 1), 2), ((3, 1), 1)), mmax=3, parity=False)
TINY = SO2Coupling((((0, 1), 1), ((1, -1), 1), ((1, 1), 1)), (((1, -1), 1), ((2, 1), 1)), mmax=2)
COUPLINGS = {"polar": POLAR, "mixed": MIXED, "free": FREE}


def slow(features, radial, vectors, graph, coupling, scales, weights):
    """Edge by edge, path by path; an edge of length zero has no harmonics but the first."""
    top = max(degree for (degree, _), _ in coupling.inputs) + max(degree for (degree, _), _ in coupling.outputs)
    harmonics, paths = spherical_harmonics(top, vectors), path_weights(coupling, weights)
    order = coupling.scale_order()
    sizes = [coupling.inputs[i][1] for i in order]
    scale = dict(zip(order, (radial @ scales).split(sizes, 1), strict=True))
    widths = [(2 * label[0] + 1) * channels for label, channels in coupling.inputs]
    blocks = [
        part.unflatten(1, (channels, -1))[graph.source]
        for part, (_, channels) in zip(features.split(widths, 1), coupling.inputs, strict=True)
    ]
    sums = [features.new_zeros(graph.num_nodes, c, 2 * label[0] + 1) for label, c in coupling.outputs]
    for (i, degree, o), path in paths.items():
        l_in, l_out = coupling.inputs[i][0][0], coupling.outputs[o][0][0]
        tensor = wigner_3j(l_in, degree, l_out).to(features) * (2 * l_out + 1) ** 0.5
        here = harmonics[:, degree**2 : (degree + 1) ** 2]
        messages = torch.einsum("ey,iyo,eci,ec,cd->edo", here, tensor, blocks[i], scale[i], path)
        sums[o] = sums[o].index_add(0, graph.target, messages)
    return torch.cat([part.flatten(1) for part in sums], 1)


def ragged(nodes: int, edges: int, seed: int) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, nodes, (edges,), generator=generator)
    target = torch.where(target == 1, 2, target)  # a node without edges
    return Graph.from_edges(torch.stack([torch.randint(0, nodes, (edges,), generator=generator), target]), nodes)


GRAPHS = {
    "ragged": ragged(12, 50, 0),
    "regular": Graph.from_edges(torch.stack([torch.arange(44) % 7, torch.arange(11).repeat_interleave(4)]), 11),
    "one hub": Graph.from_edges(
        torch.stack([torch.arange(400) % 20, torch.cat([torch.zeros(380), torch.arange(20)]).long()]), 20
    ),
    "no edges": Graph.from_edges(torch.zeros((2, 0), dtype=torch.int64), 3),
}


def arguments(coupling: SO2Coupling, graph: Graph, width: int = 3, seed: int = 0, zero: bool = True):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    dim, edges = sum((2 * label[0] + 1) * channels for label, channels in coupling.inputs), len(graph.source)
    vectors = draw(edges, 3)
    if zero:
        vectors[::5] = 0
        vectors[1::7] = torch.tensor([0.0, -2.0, 0.0], dtype=torch.float64)
    weights = [draw(*shape) for shape in coupling.weight_shapes()]
    found = [draw(graph.num_nodes, dim), draw(edges, width), vectors, draw(width, coupling.num_scales), *weights]
    return [x.requires_grad_() for x in found]


def both(coupling: SO2Coupling, graph: Graph):
    def fast(features, radial, vectors, scales, *weights):
        return so2_conv(features, radial, vectors, graph, coupling, scales, list(weights))

    def plain(features, radial, vectors, scales, *weights):
        return slow(features, radial, vectors, graph, coupling, scales, weights)

    return fast, plain


@pytest.mark.parametrize("fewest", [1, 128])
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("which", COUPLINGS)
def test_equal_to_the_sum_over_paths_with_its_gradients(which, name, fewest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_so2_inputs, "_MIN_EDGES", fewest)
    monkeypatch.setitem(_so2_inputs._CACHE_BYTES, "cpu", 1)
    inputs = arguments(COUPLINGS[which], GRAPHS[name])
    results = [function(*inputs) for function in both(COUPLINGS[which], GRAPHS[name])]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-11)
    weights = torch.randn(results[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fast, plain = (torch.autograd.grad((result * weights).sum(), inputs, materialize_grads=True) for result in results)
    for mine, theirs in zip(fast, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3,), (4, 5), (0, 1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", COUPLINGS)
def test_second_derivatives_equal_those_of_the_sum_over_paths(name: str, which: tuple[int, ...]) -> None:
    coupling, graph = COUPLINGS[name], GRAPHS["ragged"]
    inputs, found = arguments(coupling, graph), []
    for function in both(coupling, graph):
        first = torch.autograd.grad(function(*inputs).square().sum(), [inputs[i] for i in which], create_graph=True)
        found.append(torch.autograd.grad(sum(x.pow(3).sum() for x in first), inputs, materialize_grads=True))
    for mine, theirs in zip(*found, strict=True):
        assert (mine - theirs).norm() <= 1e-11 * theirs.norm()


def test_first_and_second_derivatives_by_differences() -> None:
    graph = ragged(3, 4, 3)
    fast, _ = both(TINY, graph)
    inputs = arguments(TINY, graph, 1, zero=False)
    assert torch.autograd.gradcheck(fast, inputs)
    assert torch.autograd.gradgradcheck(fast, inputs)


def test_third_derivatives_equal_those_of_the_sum_over_paths() -> None:
    graph, values = ragged(3, 5, 3), []
    inputs = arguments(TINY, graph, 2, zero=False)
    for function in both(TINY, graph):
        value = function(*inputs).pow(4).sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, inputs[2], create_graph=True)
            value = gradient.pow(2).sum()
        values.append(value.detach())
    torch.testing.assert_close(*values, rtol=1e-9, atol=1e-9)


def test_only_the_gradients_asked_for() -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(MIXED, graph)
    fast, _ = both(MIXED, graph)
    whole = torch.autograd.grad(fast(*inputs).square().sum(), inputs)
    for i, expected in enumerate(whole):
        alone = [x if j == i else x.detach() for j, x in enumerate(inputs)]
        (found,) = torch.autograd.grad(fast(*alone).square().sum(), inputs[i])
        torch.testing.assert_close(found, expected)


def test_sources_may_be_other_points_than_targets() -> None:
    graph = ragged(6, 20, 4)
    features, *rest = arguments(POLAR, graph)
    fast, plain = both(POLAR, graph._replace(source=graph.source + 4))
    wide = torch.cat([features[:4], features])
    torch.testing.assert_close(fast(wide, *rest), plain(wide, *rest))


@pytest.mark.parametrize("mmax", [0, 1])
@pytest.mark.parametrize("name", COUPLINGS)
def test_a_lower_mmax_is_zero_weights_above_it(name: str, mmax: int) -> None:
    whole, graph = COUPLINGS[name], GRAPHS["ragged"]
    cut = SO2Coupling(whole.inputs, whole.outputs, mmax, whole.parity)
    features, radial, vectors, scales, *weights = arguments(whole, graph)
    kept = [weight if i < len(cut.weight_shapes()) else weight * 0 for i, weight in enumerate(weights)]
    assert [tuple(weight.shape) for weight in kept[: len(cut.weight_shapes())]] == cut.weight_shapes()
    found = []
    for coupling, part in ((cut, kept[: len(cut.weight_shapes())]), (whole, kept)):
        result = so2_conv(features, radial, vectors, graph, coupling, scales, part)
        slopes = torch.autograd.grad(result.square().sum(), (features, radial, vectors, scales))
        found.append((result, *slopes))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


LABELS = [(0, 1), (0, -1), (1, -1), (1, 1), (2, 1), (2, -1), (3, -1)]


@pytest.mark.parametrize("parity", [True, False])
def test_as_many_weights_as_there_are_kernels(parity: bool) -> None:
    group, pole = O3() if parity else SO3(), torch.tensor([0.0, 1.0, 0.0])
    for left in LABELS:
        for right in LABELS:
            coupling = SO2Coupling(((left, 1),), ((right, 1),), 9, parity)
            count = sum(rows * columns for rows, columns in coupling.weight_shapes())
            reps = (group.irrep(*label) if parity else group.irrep(label[0]) for label in (left, right))
            assert count == len(steerable_kernel(group, pole, *reps))
            assert count == len(Coupling(coupling.inputs, coupling.outputs, 9, parity).paths(0, 0))
            assert parity or count == 2 * min(left[0], right[0]) + 1


@pytest.mark.parametrize("name", COUPLINGS)
def test_the_change_of_basis_is_orthogonal_but_for_lengths_and_both_ways_are_inverse(name: str) -> None:
    coupling = COUPLINGS[name]
    for i in range(len(coupling.inputs)):
        for o, ((l_out, _), _) in enumerate(coupling.outputs):
            slices, degrees, matrix = path_basis(coupling, i, o)
            assert len(slices) == len(degrees) == matrix.shape[0] == matrix.shape[1]
            orders = [so2_layout(coupling).orders[order].m for order, _, _ in slices]
            counts = torch.tensor([2.0 if m else 1.0 for m in orders], dtype=torch.float64)
            gram = matrix.T @ (counts[:, None] * matrix) / (2 * l_out + 1)
            torch.testing.assert_close(gram, torch.eye(len(degrees)).double(), atol=1e-12, rtol=0)
    weights = [torch.randn(shape, dtype=torch.float64) for shape in coupling.weight_shapes()]
    for mine, back in zip(weights, so2_weights(coupling, path_weights(coupling, weights)), strict=True):
        torch.testing.assert_close(mine, back, atol=1e-12, rtol=0)


@pytest.mark.parametrize("target", [(1, -1), (1, 1), (3, -1)], ids=str)
def test_the_kernel_is_the_one_that_the_stabilizer_allows(target: tuple[int, int]) -> None:
    """K(r) = D(r) K(y) D(r)^T, with the K(y) that the library finds by solving for what commutes."""
    group, vectors = O3(), torch.randn(1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    kernel = steerable_kernel(group, torch.tensor([0.0, 1.0, 0.0]), group.irrep(2, 1), group.irrep(*target))
    d = edge_wigner_d(vectors, 3)
    framed = d[target[0]] @ kernel.at_point @ d[2].mT
    torch.testing.assert_close(kernel(vectors)[0], framed, atol=1e-12, rtol=0)
    coupling, alone = SO2Coupling((((2, 1), 1),), ((target, 1),), 9), torch.arange(5)
    count = len(coupling.weight_shapes())
    assert count == len(kernel) == min(2, target[0]) + (target != (1, 1))
    one, found = torch.ones(5, 1, dtype=torch.float64), []
    for weights in torch.eye(count, dtype=torch.float64):
        sent = so2_conv(
            torch.eye(5, dtype=torch.float64),
            one,
            vectors.expand(5, 3),
            Graph(alone, alone, alone, alone),
            coupling,
            one[:1],
            list(weights.view(-1, 1, 1)),
        )
        found.append(sent.T.flatten())
    mine, span = torch.stack(found), framed.flatten(1)
    torch.testing.assert_close(mine @ span.T @ span, mine, atol=1e-12, rtol=0)
    assert torch.linalg.matrix_rank(mine) == count


def test_no_common_components_no_output() -> None:
    coupling = SO2Coupling((((0, 1), 2),), (((0, -1), 3),), mmax=2)
    graph = GRAPHS["ragged"]
    inputs = arguments(coupling, graph)
    result = both(coupling, graph)[0](*inputs)
    assert result.abs().sum() == 0
    assert (torch.autograd.grad(result.sum(), inputs[0])[0] == 0).all()


def test_the_code_of_a_coupling_can_be_read_back() -> None:
    for coupling in (*COUPLINGS.values(), TINY, SO2Coupling((), (), 3, parity=False)):
        assert decode_so2_coupling(tuple(coupling.encode())) == coupling


def test_paths_that_do_not_fit_are_refused() -> None:
    narrow = SO2Coupling((((2, 1), 1),), (((2, 1), 1),), mmax=1)
    with pytest.raises(ValueError, match="mmax >= 2"):
        so2_weights(narrow, {(0, 2, 0): torch.ones(1, 1)})
    with pytest.raises(ValueError, match="no path of degree 1"):
        so2_weights(narrow, {(0, 1, 0): torch.ones(1, 1)})


def test_the_operators_pass_torchs_own_examination() -> None:
    graph = ragged(4, 9, 5)
    features, radial, vectors, scales, *weights = arguments(TINY, graph, 2)
    flat = torch.cat([weight.flatten() for weight in weights]).detach().requires_grad_()
    tensors = (features, radial, vectors, scales, flat, graph.source, graph.rank, graph.rank_of_node)
    torch.library.opcheck(torch.ops.intertwine.so2_conv.default, (*tensors, TINY.encode()))
    grad = torch.randn(4, 8, dtype=torch.float64)
    needs = [True, False, True, True, True]
    operator = torch.ops.intertwine.so2_conv_backward.default
    torch.library.opcheck(operator, (grad, *tensors, TINY.encode(), needs))
