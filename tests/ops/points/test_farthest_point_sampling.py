"""Farthest point sampling beside the loop, under motions, and where points are few or equal."""

import pytest
import torch

from intertwine.groups import O3
from intertwine.ops import farthest_point_sampling


def cloud(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow(points: torch.Tensor, count: int) -> list[int]:
    if not len(points):
        return []
    chosen = [int((points - points.mean(0)).norm(dim=1).argmax())]
    while len(chosen) < min(count, len(points)):
        nearest = torch.stack([(points - points[i]).norm(dim=1) for i in chosen]).amin(0)
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return chosen


@pytest.mark.parametrize("count", [1, 5, 30, 99])
def test_one_cloud_is_the_loop(count: int) -> None:
    assert farthest_point_sampling(cloud(30), count).tolist() == slow(cloud(30), count)


def test_ragged_batches_in_any_order_are_the_loop() -> None:
    sizes = [7, 0, 1, 40, 3, 200, 2]
    batch = torch.arange(7).repeat_interleave(torch.tensor(sizes))
    points = cloud(len(batch))
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(1))
    counts = torch.tensor([2, 3, 1, 10, 9, 50, 0])
    expected = []
    for number, count in enumerate(counts.tolist()):
        inside = (batch[order] == number).nonzero()[:, 0]
        expected += inside[slow(points[order][inside], count)].tolist() if count else []
    assert farthest_point_sampling(points[order], counts, batch[order]).tolist() == expected
    assert len(farthest_point_sampling(points, 4, batch)) == sum(min(size, 4) for size in sizes)


def test_moved_and_renumbered_clouds_give_the_same_points_in_the_same_order() -> None:
    points, batch = cloud(60), torch.arange(60) % 3
    chosen = farthest_point_sampling(points, 8, batch)
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(60, generator=generator)
        moved = 3 * (points @ O3().sample(generator=generator).mT + 5)
        assert torch.equal(order[farthest_point_sampling(moved[order], 8, batch[order])], chosen)


def test_points_are_covered_better_than_by_chance() -> None:
    points = cloud(500)
    cover = torch.cdist(points, points[farthest_point_sampling(points, 50)]).amin(1).amax()
    chance = torch.cdist(points, points[:50]).amin(1).amax()
    assert cover < 0.6 * chance


def test_equal_points_are_taken_by_their_numbers_and_never_twice() -> None:
    assert farthest_point_sampling(torch.zeros(4, 3), 3).tolist() == [0, 1, 2]
    twice = torch.tensor([[0.0], [0.0], [1.0], [1.0], [5.0]])
    assert farthest_point_sampling(twice, 5).tolist() == [4, 0, 2, 1, 3]


def test_no_points_and_none_wanted() -> None:
    assert farthest_point_sampling(cloud(0), 3).tolist() == []
    assert farthest_point_sampling(cloud(3), 0).tolist() == []


def test_the_operator_passes_torchs_own_examination() -> None:
    arguments = (cloud(9), torch.tensor([2, 3]), torch.arange(9) % 2)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.intertwine.farthest_point_sampling.default, arguments, test_utils=tests)


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="num_samples must be"):
        farthest_point_sampling(cloud(3), -1)
    with pytest.raises(ValueError, match="each of 3 clouds"):
        farthest_point_sampling(cloud(3), torch.tensor([1, 1]), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="number of a point cloud"):
        farthest_point_sampling(cloud(3), 1, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="finite"):
        farthest_point_sampling(cloud(3) * torch.inf, 1)
