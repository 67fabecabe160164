from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from scipy import stats

from intertwine.training import normal_draws
from intertwine.training._batches import StepDataset, steps_in_epoch, to_device, train_draws, validation_draws
from intertwine.training._draws import derive


@pytest.mark.parametrize(("structures", "batch_size"), [(50, 8), (33, 32), (64, 32), (5, 2), (1, 4), (3, 100)])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_each_epoch_sees_each_structure_once_and_every_world_sees_the_same_batches(structures, batch_size, world):
    steps = steps_in_epoch(structures, batch_size)
    alone = train_draws(structures, steps, 7, 3, 0, 1)
    shares = [train_draws(structures, steps, 7, 3, rank, world) for rank in range(world)]
    assert sorted(torch.cat([draw.indices for draw in alone]).tolist()) == list(range(structures))
    sizes = [len(draw.indices) for draw in alone]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    for whole, *parts in zip(alone, *shares, strict=True):
        counted = [index for part in parts if part.counts for index in part.indices.tolist()]
        assert sorted(counted) == sorted(whole.indices.tolist())
        assert all(len(part.indices) > 0 for part in parts)
        assert {part.seed for part in parts} == {whole.seed}


def test_order_follows_from_seed_and_epoch():
    def order(seed, epoch):
        return torch.cat([draw.indices for draw in train_draws(40, 5, seed, epoch, 0, 1)]).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(*pair)) for pair in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_steps_have_different_seeds():
    seeds = [draw.seed for epoch in range(20) for draw in train_draws(40, 5, 0, epoch, 0, 1)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_validation_sees_each_structure_once(world):
    draws = [draw for rank in range(world) for draw in validation_draws(11, 3, 0, rank, world) if draw.counts]
    assert sorted(index for draw in draws for index in draw.indices.tolist()) == list(range(11))


def test_dropout_follows_from_the_step_and_the_process():
    def noise(rank, step):
        return torch.rand(3) if StepDataset(train_draws(9, 3, 0, 0, rank, 2), lambda draw: draw, rank)[step] else None

    with torch.random.fork_rng():
        assert torch.equal(noise(0, 1), noise(0, 1))
        assert not torch.equal(noise(0, 1), noise(0, 2))
        assert not torch.equal(noise(0, 1), noise(1, 1))


def test_normal_draws_belong_to_the_index():
    indices = torch.tensor([4, 0, 2**40, 7])
    draws = normal_draws(3, indices, 5)
    assert draws.dtype == torch.float64
    assert torch.equal(draws[2:3], normal_draws(3, indices[2:3], 5))
    assert torch.equal(draws.flip(0), normal_draws(3, indices.flip(0), 5))
    assert not torch.equal(draws, normal_draws(4, indices, 5))
    assert len(draws.unique()) == draws.numel()


def test_normal_draws_are_normal_and_independent():
    draws = normal_draws(11, torch.arange(20_000), 4)
    assert stats.kstest(draws.flatten().numpy(), "norm").pvalue > 1e-3
    for other in (normal_draws(12, torch.arange(20_000), 4), draws.roll(1, 0), draws.roll(1, 1)):
        assert abs(float((draws * other).mean())) < 5 / draws.numel() ** 0.5
    quaternions = torch.nn.functional.normalize(draws, dim=1)  # Haar: E[q q^T] = 1/4, E[(q_0)^4] = 1/8
    second = quaternions.T @ quaternions / len(quaternions)
    assert torch.allclose(second, torch.eye(4, dtype=torch.float64) / 4, atol=0.01)
    assert abs(float((quaternions**4).mean()) - 1 / 8) < 0.003


def test_derive_tells_numbers_apart():
    assert len({derive(*numbers) for numbers in [(1, 23), (12, 3), (123,), (3, 12), (0, 1, 23)]}) == 5


def test_to_device_moves_whatever_a_job_makes():
    @dataclass(frozen=True)
    class Batch:
        x: torch.Tensor
        n: int

    Pair = namedtuple("Pair", "a b")
    x = torch.ones(2)
    moved = to_device({"batch": Batch(x, 3), "pair": Pair(x, [x, "name"])}, torch.device("meta"))
    assert moved["batch"].x.is_meta
    assert moved["batch"].n == 3
    assert moved["pair"].a.is_meta
    assert moved["pair"].b[0].is_meta
    assert moved["pair"].b[1] == "name"
