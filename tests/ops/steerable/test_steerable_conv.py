"""The chunked convolution beside the plain formula: any chunk size, any graph, derivatives in every argument."""

import pytest
import torch

from intertwine.ops import Coupling, Graph, steerable_conv
from intertwine.ops.graph import chunks
from intertwine.ops.steerable import _conv_inputs, _small_conv
from intertwine.ops.steerable._coupling import decode_coupling
from intertwine.ops.steerable._fused_conv import fused_conv
from intertwine.ops.steerable._small_conv import coupling_matrix, small_conv

COUPLING = Coupling((((0, 1), 3), ((1, -1), 2), ((2, 1), 1)), (((1, -1), 2), ((0, 1), 4), ((1, 1), 1)), lmax=2)
SMALL = Coupling((((0, 1), 1), ((1, -1), 2)), (((0, 1), 1), ((1, -1), 1)), lmax=1)


def slow(features, harmonics, radial, graph, coupling, weights):
    """Edge by edge, path by path, with the weight matrix of each edge."""
    widths = [(2 * label[0] + 1) * channels for label, channels in coupling.inputs]
    blocks = [
        part.unflatten(1, (channels, -1))[graph.source]
        for part, (_, channels) in zip(features.split(widths, 1), coupling.inputs, strict=True)
    ]
    tensor, column = coupling.clebsch_gordan().to(features), 0
    sums = [features.new_zeros(graph.num_nodes, c, 2 * label[0] + 1) for label, c in coupling.outputs]
    for (i, o), weight in zip(coupling.pairs(), weights, strict=True):
        paths, m_in, m_out = len(coupling.paths(i, o)), blocks[i].shape[2], sums[o].shape[2]
        columns = tensor[:, column : column + m_out * paths * m_in].unflatten(1, (m_out, paths, m_in))
        column += m_out * paths * m_in
        mixing = torch.einsum("eh,pchd->epcd", radial, weight.view(paths, blocks[i].shape[1], radial.shape[1], -1))
        messages = torch.einsum("ey,yopi,eci,epcd->edo", harmonics, columns, blocks[i], mixing)
        sums[o] = sums[o].index_add(0, graph.target, messages)
    return torch.cat([part.flatten(1) for part in sums], 1)


def ragged(nodes: int, edges: int, seed: int) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, nodes, (edges,), generator=generator)
    target = torch.where(target == 1, 2, target)  # a node without edges
    return Graph.from_edges(torch.stack([torch.randint(0, nodes, (edges,), generator=generator), target]), nodes)


def regular(nodes: int, neighbors: int) -> Graph:
    target = torch.arange(nodes).repeat_interleave(neighbors)
    return Graph.from_edges(torch.stack([(target * 7 + torch.arange(len(target))) % nodes, target]), nodes)


GRAPHS = {
    "ragged": ragged(12, 50, 0),
    "regular": regular(11, 4),
    "one hub": Graph.from_edges(
        torch.stack([torch.arange(1500) % 30, torch.cat([torch.zeros(1470), torch.arange(30)]).long()]), 30
    ),
    "no edges": Graph.from_edges(torch.zeros((2, 0), dtype=torch.int64), 3),
}


def arguments(coupling: Coupling, graph: Graph, radial: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)

    dim = sum((2 * label[0] + 1) * channels for label, channels in coupling.inputs)
    weights = [draw(rows * radial, columns) for rows, columns in coupling.weight_shapes()]
    edges = len(graph.source)
    return [draw(graph.num_nodes, dim), draw(edges, (coupling.lmax + 1) ** 2), draw(edges, radial), *weights]


def both(coupling: Coupling, graph: Graph, convolve=fused_conv):
    tensor = coupling.clebsch_gordan()

    def fast(features, harmonics, radial, *weights):
        return convolve(features, harmonics, radial, graph, coupling, tensor, weights)

    def plain(features, harmonics, radial, *weights):
        return slow(features, harmonics, radial, graph, coupling, weights)

    return fast, plain


@pytest.mark.parametrize("order", [fused_conv, small_conv])
@pytest.mark.parametrize("cache", [1, 20_000, 5 << 19])
@pytest.mark.parametrize("name", GRAPHS)
def test_equal_to_the_plain_formula_with_its_gradients(
    name: str, cache: int, order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_conv_inputs._CACHE_BYTES, "cpu", cache)
    monkeypatch.setitem(_small_conv._CACHE_BYTES, "cpu", cache)
    inputs = arguments(COUPLING, GRAPHS[name], 3)
    results = [function(*inputs) for function in both(COUPLING, GRAPHS[name], order)]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-11)
    weights = torch.randn(results[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fast, plain = (torch.autograd.grad((result * weights).sum(), inputs) for result in results)
    for mine, theirs in zip(fast, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("name", GRAPHS)
def test_both_orders_are_one_function(name: str, width: int) -> None:
    inputs = arguments(COUPLING, GRAPHS[name], width)
    orders = (small_conv, fused_conv, steerable_conv)
    small, fused, chosen = (both(COUPLING, GRAPHS[name], order)[0](*inputs) for order in orders)
    torch.testing.assert_close(small, fused, rtol=1e-12, atol=1e-11)
    assert chosen.equal(small if width == 3 else fused)


@pytest.mark.parametrize("order", [fused_conv, small_conv])
@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3, 4), (1, 2), (0, 1, 2, 3)])
def test_second_derivatives_equal_those_of_the_plain_formula(which: tuple[int, ...], order) -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(COUPLING, graph, 3)
    found = []
    for function in both(COUPLING, graph, order):
        first = torch.autograd.grad(function(*inputs).square().sum(), [inputs[i] for i in which], create_graph=True)
        found.append(torch.autograd.grad(sum(x.pow(3).sum() for x in first), inputs, materialize_grads=True))
    for mine, theirs in zip(*found, strict=True):
        assert (mine - theirs).norm() <= 1e-11 * theirs.norm()


@pytest.mark.parametrize("order", [fused_conv, small_conv])
def test_first_and_second_derivatives_by_differences(order) -> None:
    graph = ragged(3, 5, 3)
    fast, _ = both(SMALL, graph, order)
    inputs = arguments(SMALL, graph, 2)
    assert torch.autograd.gradcheck(fast, inputs)
    assert torch.autograd.gradgradcheck(fast, inputs)


@pytest.mark.parametrize("path", [(1, 1, 1), (1, 2, 3), (0, 1, 2), (2, 0, 0), (3, 2, 1), (1, 2, 0, 1)])
@pytest.mark.parametrize("order", [fused_conv, small_conv])
def test_further_derivatives_exist(path: tuple[int, ...], order) -> None:
    graph = ragged(3, 5, 3)
    inputs = arguments(SMALL, graph, 2)
    values = []
    for function in both(SMALL, graph, order):
        value = function(*inputs).pow(4).sum()
        for i in path:
            (gradient,) = torch.autograd.grad(value, inputs[i], create_graph=True)
            value = (gradient * torch.arange(gradient.numel()).view(gradient.shape).cos()).sum()
        values.append(value.detach())
    torch.testing.assert_close(*values, rtol=1e-9, atol=1e-9)


def test_sources_may_be_other_points_than_targets() -> None:
    graph = ragged(6, 20, 4)
    features, *rest = arguments(COUPLING, graph, 2)
    fast, plain = both(COUPLING, graph._replace(source=graph.source + 4))
    wide = torch.cat([features[:4], features])
    torch.testing.assert_close(fast(wide, *rest), plain(wide, *rest))


def test_only_the_gradients_asked_for() -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(COUPLING, graph, 3)
    fast, _ = both(COUPLING, graph)
    whole = torch.autograd.grad(fast(*inputs).square().sum(), inputs)
    for i, expected in enumerate(whole):
        alone = [x if j == i else x.detach() for j, x in enumerate(inputs)]
        (found,) = torch.autograd.grad(fast(*alone).square().sum(), inputs[i])
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("most", [1, 3, 100])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_chunks_hold_every_edge_once_at_its_node(name: str, most: int) -> None:
    graph = GRAPHS[name]
    seen = torch.zeros(len(graph.rank), dtype=torch.int64)
    edges = torch.arange(len(graph.rank))
    for chunk in chunks(graph.rank, graph.num_nodes, most):
        assert 0 < chunk.num_nodes <= most
        table = chunk.gather(edges).view(chunk.num_nodes, chunk.width)
        valid = torch.ones_like(table) if chunk.mask is None else chunk.mask.view(table.shape).long()
        seen.index_add_(0, table.flatten(), valid.flatten())
        ranks = torch.arange(chunk.nodes.start, chunk.nodes.stop)[:, None].expand_as(table)
        assert (graph.rank[table] == ranks)[valid.bool()].all()
        assert table.numel() <= 1.25 * int(valid.sum()) + 512
        restored = torch.zeros_like(edges)
        chunk.scatter(restored, table.flatten())
        assert restored[chunk.edges].equal(edges[chunk.edges])
    assert (seen == 1).all()


def test_unranked_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="from_edges"):
        list(chunks(torch.tensor([0, 0, 1]), 2, 8))


def test_the_code_of_a_coupling_can_be_read_back() -> None:
    for coupling in (COUPLING, SMALL, Coupling((), (), 3, parity=False)):
        assert decode_coupling(tuple(coupling.encode())) == coupling


def test_no_paths_no_output() -> None:
    coupling = Coupling((((0, 1), 2),), (((0, -1), 3),), lmax=2)
    graph = GRAPHS["ragged"]
    inputs = arguments(coupling, graph, 2)
    assert both(coupling, graph, steerable_conv)[0](*inputs).abs().sum() == 0


@pytest.mark.parametrize("name", ["steerable_conv", "small_steerable_conv"])
def test_the_operators_pass_torchs_own_examination(name: str) -> None:
    graph = ragged(4, 9, 5)
    features, harmonics, radial, *weights = arguments(SMALL, graph, 2)
    if name == "small_steerable_conv":
        weights = [coupling_matrix(SMALL, SMALL.clebsch_gordan(), weights, 2)]
    flat = torch.cat([weight.flatten() for weight in weights]).detach().requires_grad_()
    tensors = (features, harmonics, radial, flat)
    rest = (SMALL.clebsch_gordan(), graph.source, graph.rank, graph.rank_of_node, SMALL.encode())
    torch.library.opcheck(getattr(torch.ops.intertwine, name).default, (*tensors, *rest))
    grad = torch.randn(4, 4, dtype=torch.float64)
    needs = [False, True, False, True, True]
    torch.library.opcheck(getattr(torch.ops.intertwine, f"{name}_backward").default, (grad, *tensors, *rest, needs))
    if name == "steerable_conv":
        tangents = (None, harmonics.detach().cos().requires_grad_(), radial.detach().cos().requires_grad_())
        torch.library.opcheck(
            torch.ops.intertwine.steerable_conv_jvp_backward.default,
            (grad, *tangents, *tensors, *rest, [True, *needs[1:]]),
        )
