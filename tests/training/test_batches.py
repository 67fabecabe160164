from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from scipy import stats

from intertwine.training import normal_per_example
from intertwine.training._batches import StepDataset, steps_per_epoch, to_device, train_steps, validation_steps
from intertwine.training._random import derive_seed


@pytest.mark.parametrize(("examples", "batch_size"), [(50, 8), (33, 32), (64, 32), (5, 2), (1, 4), (3, 100)])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_epoch_sees_each_example_once_and_every_world_sees_the_same_batches(examples, batch_size, world_size):
    steps = steps_per_epoch(examples, batch_size)
    alone = train_steps(examples, steps, 7, 3, 0, 1)
    per_rank = [train_steps(examples, steps, 7, 3, rank, world_size) for rank in range(world_size)]
    assert sorted(torch.cat([step.indices for step in alone]).tolist()) == list(range(examples))
    sizes = [len(step.indices) for step in alone]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    for whole, *parts in zip(alone, *per_rank, strict=True):
        counted = [index for part in parts if not part.is_padding for index in part.indices.tolist()]
        assert sorted(counted) == sorted(whole.indices.tolist())
        assert all(len(part.indices) > 0 for part in parts)
        assert {part.seed for part in parts} == {whole.seed}


def test_order_follows_from_seed_and_epoch():
    def order(seed, epoch):
        return torch.cat([step.indices for step in train_steps(40, 5, seed, epoch, 0, 1)]).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(*pair)) for pair in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_steps_have_different_seeds():
    seeds = [step.seed for epoch in range(20) for step in train_steps(40, 5, 0, epoch, 0, 1)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_validation_sees_each_example_once(world_size):
    values = [
        step
        for rank in range(world_size)
        for step in validation_steps(11, 3, 0, rank, world_size)
        if not step.is_padding
    ]
    assert sorted(index for step in values for index in step.indices.tolist()) == list(range(11))


def test_dropout_follows_from_the_step_and_the_process():
    def noise(rank, step):
        return (
            torch.rand(3)
            if StepDataset(train_steps(9, 3, 0, 0, rank, 2), lambda indices: indices, rank)[step]
            else None
        )

    with torch.random.fork_rng():
        assert torch.equal(noise(0, 1), noise(0, 1))
        assert not torch.equal(noise(0, 1), noise(0, 2))
        assert not torch.equal(noise(0, 1), noise(1, 1))


def test_normal_numbers_belong_to_the_index():
    indices = torch.tensor([4, 0, 2**40, 7])
    values = normal_per_example(3, indices, 5)
    assert values.dtype == torch.float64
    assert torch.equal(values[2:3], normal_per_example(3, indices[2:3], 5))
    assert torch.equal(values.flip(0), normal_per_example(3, indices.flip(0), 5))
    assert not torch.equal(values, normal_per_example(4, indices, 5))
    assert len(values.unique()) == values.numel()


def test_normal_numbers_are_normal_and_independent():
    values = normal_per_example(11, torch.arange(20_000), 4)
    assert stats.kstest(values.flatten().numpy(), "norm").pvalue > 1e-3
    for other in (normal_per_example(12, torch.arange(20_000), 4), values.roll(1, 0), values.roll(1, 1)):
        assert abs(float((values * other).mean())) < 5 / values.numel() ** 0.5
    quaternions = torch.nn.functional.normalize(values, dim=1)  # Haar: E[q q^T] = 1/4, E[(q_0)^4] = 1/8
    second = quaternions.T @ quaternions / len(quaternions)
    assert torch.allclose(second, torch.eye(4, dtype=torch.float64) / 4, atol=0.01)
    assert abs(float((quaternions**4).mean()) - 1 / 8) < 0.003


def test_derive_tells_numbers_apart():
    assert len({derive_seed(*numbers) for numbers in [(1, 23), (12, 3), (123,), (3, 12), (0, 1, 23)]}) == 5


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


def test_to_device_takes_plain_tuples_and_leaves_what_only_looks_like_a_named_one():
    class Node:
        _fields = ("a",)

    node, x = Node(), torch.ones(2)
    moved = to_device((x, [node], (x, 1)), torch.device("meta"))
    assert type(moved) is tuple
    assert moved[0].is_meta
    assert moved[1] == [node]
    assert moved[2][0].is_meta
    assert moved[2][1] == 1


def test_padding_is_marked_and_has_one_example():
    few = train_steps(2, 1, 0, 0, 2, 3)[0]
    assert few.is_padding
    assert len(few.indices) == 1
    assert few.indices[0] == train_steps(2, 1, 0, 0, 0, 3)[0].indices[0]
    assert not train_steps(3, 1, 0, 0, 2, 3)[0].is_padding
