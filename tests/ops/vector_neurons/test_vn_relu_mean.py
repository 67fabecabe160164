"""The fused VN-ReLU on edges beside the formula on all edges at once, and beside a loop over edges."""

import itertools

import pytest
import torch
from torch import Tensor

from intertwine.ops import EdgeVectors, Graph, edge_norm_stats, vn_relu, vn_relu_mean
from intertwine.ops.graph import _chunk_threads
from intertwine.ops.vector_neurons import _edge_vectors as edge_vectors
from intertwine.ops.vector_neurons._args import NormStatsArgs, VNReluArgs
from intertwine.ops.vector_neurons._composite import composite_norm_stats, composite_vn_relu_mean

NODES, CHANNELS, MIXED = 30, 5, 2
CASES = list(itertools.product((2, 3), (False, True), (False, True), (False, True), (1, CHANNELS)))


def ragged(seed: int = 0, edges: int = 200) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    return Graph.from_edges(torch.randint(0, NODES - 3, (2, edges), generator=generator), NODES)


def regular(seed: int = 0) -> Graph:
    generator = torch.Generator().manual_seed(seed)
    return Graph.from_neighbor_table(torch.randint(0, NODES, (NODES, 6), generator=generator))


def draw(n: int, graph: Graph, with_source: bool, mixed: bool, affine: bool, directions: int) -> list[Tensor | None]:
    generator = torch.Generator().manual_seed(n)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    def vectors(channels: int) -> list[Tensor | None]:
        return [
            normal(n, NODES, channels),
            normal(n, NODES, channels) if with_source else None,
            normal(MIXED, channels) if mixed else None,
        ]

    edges = normal(n, len(graph.source), MIXED) if mixed else None
    return [*vectors(CHANNELS), *vectors(directions), edges, normal(2, CHANNELS) if affine else None]


def fused(parts: list[Tensor | None], graph: Graph, negative_slope: float) -> Tensor:
    values, directions = EdgeVectors(*parts[:3]), EdgeVectors(*parts[3:6])
    return vn_relu_mean(values, directions, graph, edge_attr=parts[6], affine=parts[7], negative_slope=negative_slope)


def gradients(output: Tensor, parts: list[Tensor | None]) -> list[Tensor]:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return list(torch.autograd.grad((output * weights).sum(), [part for part in parts if part is not None]))


@pytest.mark.parametrize("make", [ragged, regular])
@pytest.mark.parametrize(("n", "with_source", "mixed", "affine", "directions"), CASES)
@pytest.mark.parametrize("cache", [1 << 20, 300])
def test_fused_is_the_formula(make, n, with_source, mixed, affine, directions, cache, monkeypatch) -> None:
    monkeypatch.setitem(edge_vectors._CACHE_NUMBERS, "cpu", cache)
    graph = make()
    parts = draw(n, graph, with_source, mixed, affine, directions)
    output = fused(parts, graph, 0.2)
    expected = composite_vn_relu_mean(VNReluArgs(*parts, *graph.indices, 0.2))
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    for x, y in zip(gradients(output, parts), gradients(expected, parts), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("make", [ragged, regular])
@pytest.mark.parametrize(("with_source", "mixed"), [(False, False), (True, False), (False, True), (True, True)])
def test_fused_norm_statistics_are_the_formula(make, with_source, mixed, monkeypatch) -> None:
    monkeypatch.setitem(edge_vectors._CACHE_NUMBERS, "cpu", 300)
    graph = make()
    drawn = draw(3, graph, with_source, mixed, False, 1)
    parts = [*drawn[:3], drawn[6]]
    output = torch.stack(edge_norm_stats(EdgeVectors(*parts[:3]), graph, parts[3]))
    expected = torch.stack(composite_norm_stats(NormStatsArgs(*parts, *graph.indices)))
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    for x, y in zip(gradients(output, parts), gradients(expected, parts), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("affine", [False, True])
def test_the_formula_is_the_papers_line_by_line(affine: bool) -> None:
    graph, negative_slope = ragged(edges=40), 0.2
    parts = draw(3, graph, True, True, affine, CHANNELS)
    target_q, source_q, mixing_q, target_k, source_k, mixing_k, edges, scales = (
        None if part is None else part.detach() for part in parts
    )
    totals, counts = torch.zeros(3, NODES, CHANNELS, dtype=torch.float64), torch.zeros(NODES)
    for e, (j, i) in enumerate(zip(graph.source.tolist(), graph.target.tolist(), strict=True)):
        counts[i] += 1
        for c in range(CHANNELS):
            q = target_q[:, i, c] + source_q[:, j, c] + sum(mixing_q[m, c] * edges[:, e, m] for m in range(MIXED))
            k = target_k[:, i, c] + source_k[:, j, c] + sum(mixing_k[m, c] * edges[:, e, m] for m in range(MIXED))
            if scales is not None:
                q = (scales[0, c] * (q.norm() + 1e-6) + scales[1, c]) / (q.norm() + 1e-6) * q
            if q @ k < 0:
                q = negative_slope * q + (1 - negative_slope) * (q - (q @ k) / (k @ k + 1e-6) * k)
            totals[:, i, c] += q
    expected = totals / counts.clamp_min(1)[:, None]
    torch.testing.assert_close(fused(parts, graph, negative_slope), expected, rtol=1e-12, atol=1e-12)


def test_second_derivatives() -> None:
    graph = ragged(edges=12)
    parts = [None if part is None else part.detach() for part in draw(2, graph, True, True, True, CHANNELS)]
    names = [i for i, part in enumerate(parts) if part is not None]

    def function(*given: Tensor) -> Tensor:
        filled = list(parts)
        for i, part in zip(names, given, strict=True):
            filled[i] = part[:, :, :2] if i in (0, 1, 3, 4) else part
        filled[2], filled[5], filled[7] = (filled[i][:, :2] for i in (2, 5, 7))
        mean, variance = edge_norm_stats(EdgeVectors(*filled[:3]), graph, filled[6])
        return torch.cat([fused(filled, graph, 0.2).flatten(), mean, variance])

    inputs = [parts[i].requires_grad_() for i in names]
    assert torch.autograd.gradgradcheck(lambda *x: function(*x).square().sum(), inputs, fast_mode=True)


def test_nothing_is_made_of_no_edges() -> None:
    graph = Graph.from_edges(torch.zeros((2, 0), dtype=torch.int64), 4)
    values = EdgeVectors(torch.ones(3, 4, 2, requires_grad=True), torch.ones(3, 4, 2))
    output = vn_relu_mean(values, values, graph)
    output.sum().backward()
    assert output.abs().sum() == 0
    assert values.target.grad.abs().sum() == 0
    assert all(x.abs().sum() == 0 for x in edge_norm_stats(values, graph))


@pytest.mark.parametrize("affine", [None, torch.tensor([[0.5], [-2.0]])])
def test_zero_vectors_have_finite_gradients(affine: Tensor | None) -> None:
    values = torch.zeros(3, 4, 1, requires_grad=True)
    directions = torch.zeros(3, 4, 1, requires_grad=True)
    output = vn_relu(values, directions, affine=affine)
    output.sum().backward()
    assert output.abs().sum() == 0
    torch.testing.assert_close(values.grad, torch.full_like(values, 1.0 if affine is None else 0.5))
    assert directions.grad.abs().sum() == 0


def test_statistics_in_float32_lose_nothing_to_a_large_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = 1000 + torch.randn(1, 20000, 3, generator=generator)
    graph = Graph.from_neighbor_table(torch.arange(20000)[:, None])
    _, variance = edge_norm_stats(EdgeVectors(lengths), graph)
    torch.testing.assert_close(variance, lengths[0].double().var(0, correction=0).float(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("graph", [ragged(edges=2000), regular()], ids=["ragged", "regular"])
@pytest.mark.parametrize(("n", "with_source", "mixed", "affine", "directions"), CASES)
def test_several_threads_give_what_one_gives(graph, n, with_source, mixed, affine, directions, monkeypatch) -> None:
    monkeypatch.setitem(edge_vectors._CACHE_NUMBERS, "cpu", 300)
    monkeypatch.setattr(_chunk_threads, "_LEAST_EDGES", 16)
    parts, before = draw(n, graph, with_source, mixed, affine, directions), torch.get_num_threads()

    def results(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        statistics = edge_norm_stats(EdgeVectors(*parts[:3]), graph, parts[6])
        output = torch.cat([fused(parts, graph, 0.2).flatten(), *statistics])
        return [output, *gradients(output, parts)]

    try:
        once, again, expected = results(3), results(3), results(1)
    finally:
        torch.set_num_threads(before)
    for x, y, z in zip(once, again, expected, strict=True):
        assert torch.equal(x, y)
        torch.testing.assert_close(x, z, rtol=1e-12, atol=1e-12)
