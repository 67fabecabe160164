"""Messages of the steerable convolution beside the plain formula and their sum; derivatives of both orders."""

import pytest
import torch

from intertwine.ops import Coupling, Graph, segment_sum, steerable_conv, steerable_messages
from intertwine.ops.steerable import _conv_inputs, _small_conv
from intertwine.ops.steerable import _steerable_messages as module

COUPLING = Coupling((((0, 1), 3), ((1, -1), 2), ((2, 1), 1)), (((1, -1), 2), ((0, 1), 4), ((1, 1), 1)), lmax=2)
SMALL = Coupling((((0, 1), 1), ((1, -1), 2)), (((0, 1), 2), ((1, -1), 1)), lmax=1)
FREE = Coupling((((1, 1), 2), ((2, 1), 1)), (((1, 1), 1), ((0, 1), 2), ((2, 1), 1)), lmax=3, parity=False)


def ragged(nodes: int, edges: int, seed: int, sources: int | None = None) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(0, sources or nodes, (edges,), generator=generator)
    return Graph.from_edges(torch.stack([source, torch.randint(0, nodes, (edges,), generator=generator)]), nodes)


GRAPHS = {
    "ragged": ragged(12, 50, 0),
    "one sends all": Graph.from_edges(torch.stack([torch.zeros(40).long(), torch.arange(40) % 9]), 12),
    "other points": ragged(7, 30, 1, sources=12),
    "no edges": Graph.from_edges(torch.zeros((2, 0), dtype=torch.int64), 12),
}


def arguments(coupling: Coupling, graph: Graph, width: int, nodes: int = 12) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)

    dim, edges = sum((2 * label[0] + 1) * channels for label, channels in coupling.inputs), len(graph.source)
    weights = [draw(rows * width, columns) for rows, columns in coupling.weight_shapes()]
    return [draw(nodes, dim), draw(edges, (coupling.lmax + 1) ** 2), draw(edges, width), *weights]


def slow(coupling: Coupling, graph: Graph, features, harmonics, radial, *weights):
    """Path by path, with the weight matrix of each edge; edges in the order of the graph."""
    widths = [(2 * label[0] + 1) * channels for label, channels in coupling.inputs]
    blocks = [
        part.unflatten(1, (channels, -1))[graph.source]
        for part, (_, channels) in zip(features.split(widths, 1), coupling.inputs, strict=True)
    ]
    tensor, column = coupling.clebsch_gordan().to(features), 0
    parts = [features.new_zeros(len(graph.source), c, 2 * label[0] + 1) for label, c in coupling.outputs]
    for (i, o), weight in zip(coupling.pairs(), weights, strict=True):
        paths, m_in, m_out = len(coupling.paths(i, o)), blocks[i].shape[2], parts[o].shape[2]
        columns = tensor[:, column : column + m_out * paths * m_in].unflatten(1, (m_out, paths, m_in))
        column += m_out * paths * m_in
        mixing = torch.einsum("eh,pchd->epcd", radial, weight.view(paths, blocks[i].shape[1], radial.shape[1], -1))
        parts[o] = parts[o] + torch.einsum("ey,yopi,eci,epcd->edo", harmonics, columns, blocks[i], mixing)
    return torch.cat([part.flatten(1) for part in parts], 1)


def fast(coupling: Coupling, graph: Graph, features, harmonics, radial, *weights):
    """The same through the operators; the edges' arguments are given in the order of the graph."""
    by_source = graph.by_source(len(features))
    ordered = harmonics[by_source.source], radial[by_source.source]
    return steerable_messages(features, *ordered, by_source, coupling, coupling.clebsch_gordan(), weights)


@pytest.fixture(params=["many channels", "few channels"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(module, "prefer_small_conv", lambda coupling, num_radial: request.param == "few channels")
    return request.param


@pytest.mark.parametrize("cache", [1, 5 << 19])
@pytest.mark.parametrize("coupling", [COUPLING, FREE], ids=["O3", "SO3"])
@pytest.mark.parametrize("name", GRAPHS)
def test_equal_to_the_plain_formula_with_their_gradients(
    name: str, coupling: Coupling, cache: int, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_conv_inputs._CACHE_BYTES, "cpu", cache)
    monkeypatch.setitem(_small_conv._CACHE_BYTES, "cpu", cache)
    inputs = arguments(coupling, GRAPHS[name], 3)
    results = [function(coupling, GRAPHS[name], *inputs) for function in (fast, slow)]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-11)
    weights = torch.randn(results[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mine, theirs = (torch.autograd.grad((result * weights).sum(), inputs) for result in results)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("width", [2, 24])
def test_their_sum_is_the_convolution(width: int) -> None:
    graph = GRAPHS["ragged"]
    features, harmonics, radial, *weights = arguments(COUPLING, graph, width)
    messages = fast(COUPLING, graph, features, harmonics, radial, *weights)
    expected = steerable_conv(features, harmonics, radial, graph, COUPLING, COUPLING.clebsch_gordan(), weights)
    torch.testing.assert_close(segment_sum(messages, graph.target, graph.num_nodes), expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3, 4), (1, 2), (0, 1, 2, 3)])
def test_second_derivatives_equal_those_of_the_plain_formula(which: tuple[int, ...], kernel: str) -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(COUPLING, graph, 3)
    found = []
    for function in (fast, slow):
        value = function(COUPLING, graph, *inputs).square().sum()
        first = torch.autograd.grad(value, [inputs[i] for i in which], create_graph=True)
        found.append(torch.autograd.grad(sum(x.pow(3).sum() for x in first), inputs, materialize_grads=True))
    for mine, theirs in zip(*found, strict=True):
        assert (mine - theirs).norm() <= 1e-11 * theirs.norm()


def test_first_and_second_derivatives_by_differences(kernel: str) -> None:
    graph = ragged(3, 5, 3)
    inputs = arguments(SMALL, graph, 2, nodes=3)
    assert torch.autograd.gradcheck(lambda *x: fast(SMALL, graph, *x), inputs)
    assert torch.autograd.gradgradcheck(lambda *x: fast(SMALL, graph, *x), inputs)


def test_only_the_gradients_asked_for(kernel: str) -> None:
    graph = GRAPHS["ragged"]
    inputs = arguments(COUPLING, graph, 3)
    whole = torch.autograd.grad(fast(COUPLING, graph, *inputs).square().sum(), inputs)
    for i, expected in enumerate(whole):
        alone = [x if j == i else x.detach() for j, x in enumerate(inputs)]
        (found,) = torch.autograd.grad(fast(COUPLING, graph, *alone).square().sum(), inputs[i])
        torch.testing.assert_close(found, expected)


def test_no_paths_no_messages() -> None:
    coupling = Coupling((((0, 1), 2),), (((0, -1), 3),), lmax=2)
    messages = fast(coupling, GRAPHS["ragged"], *arguments(coupling, GRAPHS["ragged"], 2))
    assert messages.tolist() == [[0.0] * 3] * 50


def test_an_output_that_no_path_reaches_is_zero() -> None:
    coupling = Coupling((((0, 1), 2),), (((0, -1), 3), ((0, 1), 1)), lmax=2)
    messages = fast(coupling, GRAPHS["ragged"], *arguments(coupling, GRAPHS["ragged"], 2))
    assert messages[:, :3].abs().sum() == 0
    assert (messages[:, 3] != 0).all()


@pytest.mark.parametrize("operator", ["steerable_messages", "small_steerable_messages"])
def test_the_operators_pass_torchs_own_examination(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, seen = ragged(4, 9, 5), []
    name = "small_messages_operator" if operator.startswith("small") else "messages_operator"
    send = getattr(module, name)
    monkeypatch.setattr(module, "prefer_small_conv", lambda coupling, num_radial: name == "small_messages_operator")
    monkeypatch.setattr(module, name, lambda *given: seen.append(given) or send(*given))
    fast(SMALL, graph, *arguments(SMALL, graph, 2, nodes=4))
    leaves = [x.detach().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x for x in seen[0]]
    torch.library.opcheck(getattr(torch.ops.intertwine, operator).default, tuple(leaves))
