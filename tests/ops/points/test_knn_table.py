"""The k-nearest-neighbor table beside a loop over all pairs, by tree and by matrix product, in batches in any order."""

import pytest
import torch

from intertwine.ops import knn_table
from intertwine.ops.points import _knn_table as module


def by_loops(points: torch.Tensor, count: int, batch: torch.Tensor) -> list[list[int]]:
    table = []
    for i, point in enumerate(points):
        members = [j for j in range(len(points)) if batch[j] == batch[i]]
        nearest = sorted(members, key=lambda j: (j != i, float((points[j] - point).norm())))[:count]
        table.append(sorted(nearest + [i] * (count - len(nearest))))
    return table


@pytest.mark.parametrize("dimension", [2, 3, 20])
@pytest.mark.parametrize("fewest", [2, 1000], ids=["tree", "all pairs"])
def test_it_is_a_loop_over_all_pairs(dimension: int, fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TREE_POINTS", fewest)
    monkeypatch.setattr(module, "_DISTANCES_AT_ONCE", 100)
    generator = torch.Generator().manual_seed(0)
    batch = torch.repeat_interleave(torch.tensor([4, 0, 7, 5, 2]), torch.tensor([15, 3, 15, 1, 8]))
    batch = batch[torch.randperm(len(batch), generator=generator)]
    points = torch.randn(len(batch), dimension, generator=generator, dtype=torch.float64)
    found = knn_table(points, 6, batch)
    assert found.sort().values.tolist() == by_loops(points, 6, batch)


@pytest.mark.parametrize("fewest", [2, 1000], ids=["tree", "all pairs"])
def test_coincident_points_do_not_push_a_point_out(fewest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TREE_POINTS", fewest)
    found = knn_table(torch.ones(9, 3), 4)
    assert (found == torch.arange(9)[:, None]).any(1).all()
    assert found.unique(dim=1).shape == (9, 4)


def test_no_points_have_none() -> None:
    assert knn_table(torch.zeros(0, 3), 4).shape == (0, 4)


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        knn_table(torch.ones(2, 3), 0)
    with pytest.raises(ValueError, match=r"\(N, d\)"):
        knn_table(torch.ones(2), 1)
    with pytest.raises(ValueError, match="one cloud index for each of 2"):
        knn_table(torch.ones(2, 3), 1, torch.zeros(3, dtype=torch.int64))
