"""Interpolation and pooling between clouds: beside a loop, under motions, coincident and missing points, gradients."""

import pytest
import torch

from intertwine.groups import O3
from intertwine.ops import Graph, avg_pool_neighbors, knn_graph, knn_interpolate, safe_norm


def around(features, positions, queries, batch=None, query_batch=None, *, k: int = 16) -> torch.Tensor:
    """The mean over the nearest points."""
    edges = knn_graph(positions, k, batch, queries=queries, query_batch=query_batch)
    graph = Graph.from_edges(edges, len(queries))
    return avg_pool_neighbors(features, graph, safe_norm(graph.vectors(positions, queries)))


CARRIERS = [knn_interpolate, around]


def cloud(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow(features, positions, queries, count: int, bump: bool) -> torch.Tensor:
    rows = []
    for query in queries:
        squared = (positions - query).square().sum(1)
        near = squared.argsort()[:count]
        weights = 1.001 - squared[near] / squared[near].max() if bump else 1 / squared[near]
        rows.append(weights @ features[near] / weights.sum())
    return torch.stack(rows)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_equal_to_the_loop(count: int) -> None:
    features, positions, queries = cloud(20), cloud(20, 1), cloud(9, 2)
    found = knn_interpolate(features, positions, queries, k=count)
    torch.testing.assert_close(found, slow(features, positions, queries, count, bump=False), rtol=1e-6, atol=1e-6)
    found = around(features, positions, queries, k=count)
    torch.testing.assert_close(found, slow(features, positions, queries, count, bump=True))


@pytest.mark.parametrize("carry", CARRIERS)
def test_a_ragged_batch_in_any_order_is_a_loop(carry) -> None:
    features, positions, queries = cloud(20), cloud(20, 1), cloud(9, 2)
    batch = torch.arange(20) % 3
    batch[:12] = 0
    owners = torch.arange(9) % 4
    found = carry(features, positions, queries, batch, owners)
    for number in range(4):
        inside, asked = batch == number, owners == number
        alone = carry(features[inside], positions[inside], queries[asked])
        torch.testing.assert_close(found[asked], alone)
    assert (found[owners == 3] == 0).all()


@pytest.mark.parametrize("carry", CARRIERS)
def test_any_representation_is_carried_along(carry) -> None:
    rep = O3().rep("2x0e + 1x1o + 1x1e + 2x2e")
    features = torch.randn(20, rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = carry(features, cloud(20, 1), cloud(9, 2))
    for seed in range(4):
        g = O3().sample(generator=torch.Generator().manual_seed(seed))
        moved = [7 * (x @ g.mT + 2) for x in (cloud(20, 1), cloud(9, 2))]
        turned = carry(features @ rep.matrix(g).mT, *moved)
        torch.testing.assert_close(turned, expected @ rep.matrix(g).mT, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("carry", CARRIERS)
@pytest.mark.parametrize("points", [1, 2, 5])
def test_constants_are_kept_and_coincident_points_are_finite(carry, points: int) -> None:
    positions = torch.zeros(points, 3, dtype=torch.float64, requires_grad=True)
    queries = torch.tensor([[0.0, 0, 0], [1, 0, 0]], dtype=torch.float64, requires_grad=True)
    found = carry(torch.full((points, 2), 3.0, dtype=torch.float64), positions, queries)
    torch.testing.assert_close(found, torch.full((2, 2), 3.0, dtype=torch.float64))
    found.sum().backward()
    assert positions.grad.isfinite().all()
    assert queries.grad.isfinite().all()


def test_a_point_gets_its_own_value_back() -> None:
    features = cloud(20)
    torch.testing.assert_close(knn_interpolate(features, cloud(20, 1), cloud(20, 1)), features, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("carry", CARRIERS)
def test_derivatives(carry) -> None:
    inputs = [x.requires_grad_() for x in (cloud(8), cloud(8, 1), cloud(3, 2))]
    assert torch.autograd.gradcheck(lambda *x: carry(*x, k=3), inputs)
