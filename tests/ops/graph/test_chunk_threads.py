import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from intertwine.groups import O3
from intertwine.nn import DepthwiseConv, SteerableConv
from intertwine.ops.graph import Graph, chunks, share_chunks

CPU = torch.device("cpu")


@pytest.fixture(params=[2, 3])
def threads(request) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def some_chunks(nodes=40, degree=30, size=4):
    edges = torch.stack([torch.randint(nodes, (nodes * degree,)), torch.arange(nodes).repeat_interleave(degree)])
    return list(chunks(Graph.from_edges(edges, nodes).indices[1], nodes, size))


def test_every_chunk_is_worked_through_once_and_sums_are_added(threads):
    parts, seen, barrier = some_chunks(), [], threading.Barrier(threads, timeout=20)

    def work(some):
        barrier.wait()  # All calls run at once.
        assert torch.get_num_threads() == 1
        assert not torch.is_grad_enabled() or threading.current_thread() is threading.main_thread()
        seen.append((threading.current_thread().name, [chunk.nodes.start for chunk in some]))
        return [torch.tensor(float(sum(chunk.num_nodes for chunk in some))), torch.ones(2)], [], [torch.ones(1)]

    (total, twice), nothing, (once,) = share_chunks(work, parts, CPU)
    assert (total, once, nothing) == (40, threads, [])
    assert twice.tolist() == [threads, threads]
    assert len(seen) == len({name for name, _ in seen}) == threads
    assert sorted(start for _, starts in seen for start in starts) == [chunk.nodes.start for chunk in parts]
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("parts", [[], some_chunks(nodes=4, degree=30, size=1)], ids=["none", "few edges"])
def test_little_work_stays_in_one_thread(threads, parts):
    names = []

    def work(some):
        names.append(threading.current_thread().name)
        assert some == parts
        return ()

    assert share_chunks(work, parts, CPU) == ()
    assert names == ["MainThread"]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_any_thread_is_raised_and_the_threads_are_given_back(threads, failing):
    parts = some_chunks()

    def work(some):
        if some[0] is parts[failing]:
            raise RuntimeError("of one thread")
        return ()

    with pytest.raises(RuntimeError, match="of one thread"):
        share_chunks(work, parts, CPU)
    assert torch.get_num_threads() == threads


def test_tensors_of_inference_mode_can_be_written_to(threads):
    with torch.inference_mode():
        result = torch.zeros(40)

        def work(some):
            for chunk in some:
                result[chunk.nodes] += 1
            return ()

        share_chunks(work, some_chunks(), CPU)
    assert torch.equal(result, torch.ones(40))


@pytest.mark.parametrize("kind", [SteerableConv, DepthwiseConv])
@pytest.mark.parametrize("rep", ["1x0e + 1x1o", "24x0e + 24x1o + 8x2e"])
def test_layers_give_what_they_give_in_one_thread_and_the_same_bits_again(threads, kind, rep):
    torch.manual_seed(0)
    conv = kind(O3().rep(rep), O3().rep(rep), lmax=2, radial_hidden=(16,), cutoff=2.0, avg_num_neighbors=10).double()
    edges = torch.randint(200, (2, 4000))
    positions = torch.randn(200, 3, dtype=torch.float64, requires_grad=True)
    features = torch.randn(200, conv.rep_in.dim, dtype=torch.float64, requires_grad=True)
    weights = list(conv.parameters())

    def derivatives(count):
        torch.set_num_threads(count)
        out = conv(features, positions, edges)
        (forces,) = torch.autograd.grad(out.square().sum(), positions, create_graph=True)
        loss = out.sum() + forces.square().sum()
        return [out, forces, *torch.autograd.grad(loss, [features, positions, *weights])]

    once, again, expected = derivatives(threads), derivatives(threads), derivatives(1)
    for x, y, z in zip(once, again, expected, strict=True):
        assert torch.equal(x, y)
        torch.testing.assert_close(x, z, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("nodes", [22, 40, 100])
def test_threads_get_equally_many_edges_where_all_nodes_have_equally_many(threads, nodes):
    parts, edges = some_chunks(nodes=nodes, degree=40, size=7), []

    def work(some):
        edges.append(sum(chunk.edges.stop - chunk.edges.start for chunk in some))
        return ()

    share_chunks(work, parts, CPU)
    assert (len(edges), sum(edges)) == (threads, nodes * 40)
    assert max(edges) - min(edges) <= 2 * 40
    assert max(chunk.num_nodes for chunk in parts) <= 7


def test_chunks_of_several_sizes_are_shared_out_by_their_edges(threads):
    graph = Graph.from_edges(torch.stack([torch.zeros(900, dtype=torch.long), torch.arange(900) % 9]), 9)
    part = next(iter(chunks(graph.indices[1], 9, 9)))
    sizes = [600, 300, 300] if threads == 2 else [600, 300, 300, 300, 300]
    parts = [replace(part, edges=slice(0, size)) for size in sizes]
    edges = []

    def work(some):
        edges.append(sum(chunk.edges.stop - chunk.edges.start for chunk in some))
        return ()

    share_chunks(work, parts, CPU)
    assert edges == [600] * threads
