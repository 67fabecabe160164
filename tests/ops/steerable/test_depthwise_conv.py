"""The depthwise convolution beside the plain formula: any chunk size, any graph, derivatives in every argument."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from intertwine.ops import Coupling, Graph, depthwise_conv
from intertwine.ops.graph import chunks
from intertwine.ops.steerable import _depthwise_inputs as module
from intertwine.ops.steerable import _depthwise_kernels as kernels
from intertwine.ops.steerable._conv_args import ConvArgs

COUPLING = Coupling.depthwise((((0, 1), 3), ((1, -1), 2), ((2, 1), 1), ((1, -1), 1)), [(1, -1), (0, 1), (1, 1)], 2)
SMALL = Coupling.depthwise((((0, 1), 1), ((1, -1), 2)), [(0, 1), (1, -1)], 1)


def slow(features, harmonics, radial, graph, coupling, weights):
    """Edge by edge, path by path, with one weight for each edge, path and channel."""
    widths = [(2 * label[0] + 1) * channels for label, channels in coupling.inputs]
    blocks = [
        part.unflatten(1, (channels, -1))[graph.source]
        for part, (_, channels) in zip(features.split(widths, 1), coupling.inputs, strict=True)
    ]
    tensor, column, weighed = coupling.clebsch_gordan().to(features), 0, radial @ weights
    on_edges = dict(enumerate(weighed.split([channels for _, channels in coupling.outputs], 1)))
    messages = [[] for _ in coupling.outputs]
    for i, o in coupling.pairs():
        paths, m_in, m_out = len(coupling.paths(i, o)), blocks[i].shape[2], 2 * coupling.outputs[o][0][0] + 1
        columns = tensor[:, column : column + m_out * paths * m_in].unflatten(1, (m_out, paths, m_in))
        column += m_out * paths * m_in
        for path in range(paths):
            coupled = torch.einsum("ey,yoi,eci->eco", harmonics, columns[:, :, path], blocks[i])
            begun = sum(part.shape[1] for part in messages[o])
            messages[o].append(coupled * on_edges[o][:, begun : begun + blocks[i].shape[1], None])
    flat = torch.cat([torch.cat(parts, 1).flatten(1) for parts in messages], 1)
    return features.new_zeros(graph.num_nodes, flat.shape[1]).index_add(0, graph.target, flat)


def ragged(nodes: int, edges: int, seed: int) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, nodes, (edges,), generator=generator)
    target = torch.where(target == 1, 2, target)  # a node without edges
    return Graph.from_edges(torch.stack([torch.randint(0, nodes, (edges,), generator=generator), target]), nodes)


def regular(nodes: int, neighbors: int) -> Graph:
    target = torch.arange(nodes).repeat_interleave(neighbors)
    return Graph.from_edges(torch.stack([(target * 7 + torch.arange(len(target))) % nodes, target]), nodes)


def stairs(*counts: int) -> Graph:
    target = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return Graph.from_edges(torch.stack([torch.arange(len(target)) % len(counts), target]), len(counts))


GRAPHS = {
    "ragged": ragged(12, 50, 0),
    "regular": regular(11, 4),
    "one hub": Graph.from_edges(
        torch.stack([torch.arange(1500) % 30, torch.cat([torch.zeros(1470), torch.arange(30)]).long()]), 30
    ),
    "stairs": stairs(1, 1, 1, 4, 4, 4, 4, 4, 9, 9),
    "no edges": Graph.from_edges(torch.zeros((2, 0), dtype=torch.int64), 3),
}


def arguments(coupling: Coupling, graph: Graph, radial: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)

    dim = sum((2 * label[0] + 1) * channels for label, channels in coupling.inputs)
    edges, columns = len(graph.source), sum(channels for _, channels in coupling.outputs)
    return [
        draw(graph.num_nodes, dim),
        draw(edges, (coupling.lmax + 1) ** 2),
        draw(edges, radial),
        draw(radial, columns),
    ]


def both(coupling: Coupling, graph: Graph):
    tensor = coupling.clebsch_gordan()

    def fast(features, harmonics, radial, weights):
        return depthwise_conv(features, harmonics, radial, graph, coupling, tensor, weights)

    def plain(features, harmonics, radial, weights):
        return slow(features, harmonics, radial, graph, coupling, weights)

    return fast, plain


@pytest.mark.parametrize("cache", [1, 20_000, 4 << 20])
@pytest.mark.parametrize("name", GRAPHS)
def test_equal_to_the_plain_formula_with_its_gradients(name: str, cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._CACHE_BYTES, "cpu", cache)
    inputs = arguments(COUPLING, GRAPHS[name], 3)
    results = [function(*inputs) for function in both(COUPLING, GRAPHS[name])]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-11)
    weights = torch.randn(results[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fast, plain = (torch.autograd.grad((result * weights).sum(), inputs) for result in results)
    for mine, theirs in zip(fast, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3,), (1, 2), (0, 1, 2, 3)])
def test_second_derivatives_equal_those_of_the_plain_formula(which: tuple[int, ...]) -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(COUPLING, graph, 3)
    found = []
    for function in both(COUPLING, graph):
        first = torch.autograd.grad(function(*inputs).square().sum(), [inputs[i] for i in which], create_graph=True)
        found.append(torch.autograd.grad(sum(x.pow(3).sum() for x in first), inputs, materialize_grads=True))
    for mine, theirs in zip(*found, strict=True):
        assert (mine - theirs).norm() <= 1e-11 * theirs.norm()


def test_first_and_second_derivatives_by_differences() -> None:
    graph = ragged(3, 5, 3)
    fast, _ = both(SMALL, graph)
    inputs = arguments(SMALL, graph, 2)
    assert torch.autograd.gradcheck(fast, inputs)
    assert torch.autograd.gradgradcheck(fast, inputs)


def test_third_derivatives_exist() -> None:
    graph = ragged(3, 5, 3)
    x, *rest = arguments(SMALL, graph, 2)
    values = []
    for function in both(SMALL, graph):
        value = function(x, *rest).pow(4).sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, rest[0], create_graph=True)
            value = gradient.sum()
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


def test_a_block_without_paths_has_no_effect() -> None:
    coupling = Coupling.depthwise((((0, 1), 2), ((1, 1), 3)), [(0, 1)], 1)
    graph = GRAPHS["ragged"]
    inputs = arguments(coupling, graph, 2)
    fast, plain = both(coupling, graph)
    torch.testing.assert_close(fast(*inputs), plain(*inputs))
    (gradient,) = torch.autograd.grad(fast(*inputs).square().sum(), inputs[0])
    assert gradient[:, 2:].abs().sum() == 0
    assert gradient[:, :2].abs().sum() > 0
    seconds = []
    for function in (fast, plain):
        (slopes,) = torch.autograd.grad(function(*inputs).pow(3).sum(), inputs[1], create_graph=True)
        seconds.append(torch.autograd.grad(slopes.square().sum(), inputs[0])[0])
    torch.testing.assert_close(*seconds)
    assert seconds[0][:, 2:].abs().sum() == 0


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that anything makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.numel = max(self.numel, result.untyped_storage().nbytes() // result.element_size())
        return result


def test_the_weights_of_the_edges_are_never_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._CACHE_BYTES, "cpu", 1 << 16)
    graph = regular(20, 40)
    features, harmonics, radial, weights = (x.detach() for x in arguments(COUPLING, graph, 3))
    edges = graph.indices
    grad = torch.ones(20, sum((2 * label[0] + 1) * channels for label, channels in COUPLING.outputs)).double()
    argument = max(x.numel() for x in (features, harmonics, radial, weights, grad))
    limit = max(argument, (1 << 16) // 8)
    assert limit < len(graph.source) * weights.shape[1]
    with Largest() as largest:
        args = ConvArgs(features, harmonics, radial, weights, COUPLING.clebsch_gordan(), *edges, COUPLING.encode())
        inputs = module.DepthwiseInputs.from_args(args)
        kernels.forward(inputs)
        kernels.backward(inputs, grad, [False, *[True] * 4])
    assert 0 < largest.numel <= limit


@pytest.mark.parametrize("max_entries", [1, 8, 100, 10_000])
@pytest.mark.parametrize("name", GRAPHS)
def test_chunks_have_no_more_entries_than_allowed(name: str, max_entries: int) -> None:
    graph = GRAPHS[name]
    parts = list(chunks(graph.rank, graph.num_nodes, 8, max_entries))
    assert all(part.num_nodes == 1 or part.num_nodes * part.width <= max_entries for part in parts)
    assert [edge for part in parts for edge in range(part.edges.start, part.edges.stop)] == list(range(len(graph.rank)))


def test_the_depthwise_coupling_counts_channels_and_leaves_out_what_no_path_reaches() -> None:
    assert COUPLING.outputs == (((1, -1), 10), ((0, 1), 7), ((1, 1), 4))
    assert Coupling.depthwise(SMALL.inputs, [(0, 1), (4, 1), (0, 1)], 1).outputs == (((0, 1), 3),)


def test_bad_use_says_so() -> None:
    graph = GRAPHS["ragged"]
    features, harmonics, radial, weights = arguments(COUPLING, graph, 3)
    with pytest.raises(ValueError, match=r"weights must have shape \(3, 21\)"):
        depthwise_conv(features, harmonics, radial, graph, COUPLING, COUPLING.clebsch_gordan(), weights[:, 1:])
    mixing = Coupling(COUPLING.inputs, (((0, 1), 21),), 2)
    with pytest.raises(ValueError, match=r"Coupling\.depthwise"):
        depthwise_conv(features, harmonics, radial, graph, mixing, mixing.clebsch_gordan(), weights)


def test_the_operators_pass_torchs_own_examination() -> None:
    graph = ragged(4, 9, 5)
    tensors = (*arguments(SMALL, graph, 2), SMALL.clebsch_gordan(), graph.source, graph.rank, graph.rank_of_node)
    torch.library.opcheck(torch.ops.intertwine.depthwise_conv.default, (*tensors, SMALL.encode()))
    grad = torch.randn(4, sum((2 * label[0] + 1) * channels for label, channels in SMALL.outputs), dtype=torch.float64)
    needs = [False, True, False, True, True]
    torch.library.opcheck(torch.ops.intertwine.depthwise_conv_backward.default, (grad, *tensors, SMALL.encode(), needs))
