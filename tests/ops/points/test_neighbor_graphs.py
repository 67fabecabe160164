"""Graphs from k-d trees beside all pairs."""

import pytest
import torch

from intertwine.ops import knn_graph, radius_graph


def cloud(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def all_pairs(positions: torch.Tensor, cutoff: float, batch: torch.Tensor) -> set[tuple[int, int]]:
    near = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist") < cutoff
    near &= batch[:, None] == batch[None]
    near.fill_diagonal_(False)
    return set(map(tuple, near.nonzero().tolist()))


def test_radius_graph_equals_all_pairs() -> None:
    positions, batch = cloud(60), torch.tensor([0] * 25 + [1] * 1 + [2] * 34)
    edges = radius_graph(positions, 1.0, batch)
    assert set(map(tuple, edges.T.tolist())) == all_pairs(positions, 1.0, batch)
    assert edges.shape[1] == len(set(map(tuple, edges.T.tolist())))
    order = edges[1] * 1000 + edges[0]
    assert (order.diff() > 0).all()


def test_coincident_points_are_neighbors_and_no_point_is_its_own() -> None:
    positions = torch.zeros(3, 3)
    assert radius_graph(positions, 0.5).T.tolist() == [[1, 0], [2, 0], [0, 1], [2, 1], [0, 2], [1, 2]]
    assert (knn_graph(positions, 2)[0] != knn_graph(positions, 2)[1]).all()


@pytest.mark.parametrize("size", [0, 1])
def test_one_point_and_none_have_no_edges(size: int) -> None:
    assert radius_graph(cloud(size), 1.0).shape == (2, 0)
    assert knn_graph(cloud(size), 3).shape == (2, 0)


def test_nearest_neighbors_equal_the_sorted_distances() -> None:
    positions = cloud(40)
    distances = torch.cdist(positions, positions).fill_diagonal_(torch.inf)
    expected = distances.topk(5, largest=False).indices
    edges = knn_graph(positions, 5)
    assert (edges[0].reshape(40, 5) == expected).all()
    assert (edges[1] == torch.arange(40).repeat_interleave(5)).all()
    assert knn_graph(positions[:4], 9).shape == (2, 12)


def slow_nearest(points, batch, asked, owners, count: int, others: bool = False) -> list[tuple[int, int]]:
    edges = []
    for target, (place, owner) in enumerate(zip(asked, owners, strict=True)):
        near = [((x - place).norm().item(), i) for i, x in enumerate(points) if batch[i] == owner]
        if others:
            near = [(distance, i) for distance, i in near if i != target]
        edges += [(i, target) for _, i in sorted(near)[:count]]
    return edges


# numbers that are not in order and not all there, structures of one point, one far away
BATCH = torch.tensor([3, 0, 3, 3, 0, 5, 3, 0, 0, 3, 7, 7, 0, 3, 0])


@pytest.mark.parametrize("count", [1, 3, 6, 50])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_ragged_batches_equal_the_loop(count: int, scale: float) -> None:
    points = cloud(len(BATCH))
    points[BATCH == 7] += 100
    points *= scale
    found = knn_graph(points, count, BATCH)
    assert list(map(tuple, found.T.tolist())) == slow_nearest(points, BATCH, points, BATCH, count, others=True)
    assert set(map(tuple, radius_graph(points, scale, BATCH).T.tolist())) == all_pairs(points, scale, BATCH)
    queries, owners = scale * cloud(9, seed=1), torch.tensor([0, 3, 2, 7, 5, 0, 3, 9, 3])
    found = knn_graph(points, count, BATCH, queries=queries, query_batch=owners)
    assert list(map(tuple, found.T.tolist())) == slow_nearest(points, BATCH, queries, owners, count)


def test_queries_find_the_points_that_they_lie_on() -> None:
    positions = cloud(30)
    edges = knn_graph(positions, 1, queries=positions[::3])
    assert edges.tolist() == [list(range(0, 30, 3)), list(range(10))]
    assert knn_graph(positions, 2, queries=positions[:0]).shape == (2, 0)
    assert knn_graph(positions[:0], 2, queries=positions).shape == (2, 0)


def test_coincident_structures_stay_apart() -> None:
    positions, batch = torch.zeros(6, 3), torch.tensor([0, 0, 1, 1, 1, 2])
    for edges in (knn_graph(positions, 4, batch), radius_graph(positions, 1.0, batch)):
        assert sorted(edges.T.tolist()) == [[0, 1], [1, 0], [2, 3], [2, 4], [3, 2], [3, 4], [4, 2], [4, 3]]


def test_a_point_pushed_out_of_its_own_list_has_no_neighbor_too_many() -> None:
    edges = knn_graph(torch.zeros(100, 3), 2)
    assert (torch.bincount(edges[1]) == 2).all()
    assert (edges[0] != edges[1]).all()


def test_queries_far_away_stay_with_their_structure() -> None:
    positions, batch = cloud(4), torch.tensor([0, 0, 1, 1])
    queries = 1e4 * cloud(4, seed=1)
    edges = knn_graph(positions, 2, batch, queries=queries, query_batch=batch)
    assert sorted(edges.T.tolist()) == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 2], [2, 3], [3, 2], [3, 3]]


def test_a_cutoff_beyond_everything_joins_all() -> None:
    for cutoff in (1e9, float("inf")):
        assert radius_graph(cloud(8), cutoff, torch.tensor([0] * 3 + [1] * 5)).shape == (2, 3 * 2 + 5 * 4)


def test_no_gradient_passes_and_integers_of_another_dtype_serve() -> None:
    positions = cloud(6).requires_grad_()
    edges = knn_graph(positions, 2, torch.zeros(6, dtype=torch.int32))
    assert edges.dtype == torch.int64
    assert not edges.requires_grad


@pytest.mark.parametrize("batch", [None, BATCH], ids=["one", "ragged"])
def test_the_operators_pass_torchs_own_examination(batch) -> None:
    points = cloud(len(BATCH))
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.intertwine.radius_graph.default, (points, 1.0, batch), test_utils=tests)
    arguments = (points, 3, batch, points[:4], None if batch is None else batch[:4])
    torch.library.opcheck(torch.ops.intertwine.knn_graph.default, arguments, test_utils=tests)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: radius_graph(torch.tensor([[0.0, torch.nan, 0.0]]), 1.0), "finite; point 0"),
        (lambda: radius_graph(cloud(3), 0.0), "positive"),
        (
            lambda: radius_graph(cloud(3), 1.0, torch.tensor([1, 0])),
            "number of a point cloud, from 0 on, for each of 3",
        ),
        (lambda: radius_graph(cloud(3), 1.0, torch.tensor([1, 0, -1])), "from 0 on"),
        (lambda: knn_graph(cloud(3), 1, torch.zeros(3)), "number of a point cloud"),
        (lambda: knn_graph(cloud(3), 1, query_batch=torch.zeros(3)), "without queries"),
        (lambda: knn_graph(cloud(3), 1, queries=torch.zeros(2, 2)), "same number of coordinates"),
        (lambda: knn_graph(cloud(3) * torch.nan, 1), "finite; point 0"),
        (lambda: radius_graph(torch.zeros(3), 1.0), "shape"),
        (lambda: knn_graph(cloud(3), 0), "at least 1"),
    ],
)
def test_bad_use_says_so(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
