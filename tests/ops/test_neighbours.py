"""Graphs from k-d trees beside all pairs."""

import pytest
import torch

from intertwine.ops import nearest_neighbours, radius_graph


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


def test_coincident_points_are_neighbours_and_no_point_is_its_own() -> None:
    positions = torch.zeros(3, 3)
    assert radius_graph(positions, 0.5).T.tolist() == [[1, 0], [2, 0], [0, 1], [2, 1], [0, 2], [1, 2]]
    assert (nearest_neighbours(positions, 2)[0] != nearest_neighbours(positions, 2)[1]).all()


@pytest.mark.parametrize("size", [0, 1])
def test_one_point_and_none_have_no_edges(size: int) -> None:
    assert radius_graph(cloud(size), 1.0).shape == (2, 0)
    assert nearest_neighbours(cloud(size), 3).shape == (2, 0)


def test_nearest_neighbours_equal_the_sorted_distances() -> None:
    positions = cloud(40)
    distances = torch.cdist(positions, positions).fill_diagonal_(torch.inf)
    expected = distances.topk(5, largest=False).indices
    edges = nearest_neighbours(positions, 5)
    assert (edges[0].reshape(40, 5) == expected).all()
    assert (edges[1] == torch.arange(40).repeat_interleave(5)).all()
    assert nearest_neighbours(positions[:4], 9).shape == (2, 12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: radius_graph(torch.tensor([[0.0, torch.nan, 0.0]]), 1.0), "finite; point 0"),
        (lambda: radius_graph(cloud(3), 0.0), "positive"),
        (lambda: radius_graph(cloud(3), 1.0, torch.tensor([1, 0, 0])), "ascending"),
        (lambda: radius_graph(torch.zeros(3), 1.0), "shape"),
        (lambda: nearest_neighbours(cloud(3), 0), "at least 1"),
    ],
)
def test_bad_use_says_so(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
