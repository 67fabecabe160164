from __future__ import annotations

import pytest
import torch

from intertwine.groups import SO3
from intertwine.ops import knn_graph
from intertwine.tasks.clouds._clouds import CloudSet, unit_sphere

SIZES = (20, 1, 2, 33, 5)


def clouds(neighbors=6, vectors=0):
    generator = torch.Generator().manual_seed(0)
    positions = 7 + 3 * torch.randn(sum(SIZES), 3, generator=generator, dtype=torch.float64)
    positions[21:23] = positions[21]  # the cloud of two points is one place
    offsets = torch.tensor([0, *SIZES]).cumsum(0)
    others = torch.randn(sum(SIZES), 3 * vectors, generator=generator, dtype=torch.float64) if vectors else None
    return CloudSet(positions, offsets, neighbors, others)


def test_a_batch_is_its_clouds_side_by_side():
    some, chosen = clouds(), [3, 0, 1, 3, 2]
    batch = some.batch(chosen, dtype=torch.float64)
    edges, begin = [], 0
    for index in chosen:
        positions = some.positions[some.offsets[index] : some.offsets[index + 1]]
        assert torch.equal(batch.positions[begin : begin + len(positions)], positions)
        edges.append(knn_graph(positions, 6) + begin)
        begin += len(positions)
    assert torch.equal(batch.edges, torch.cat(edges, 1))
    assert batch.batch.bincount().tolist() == [SIZES[index] for index in chosen]
    assert batch.structures == 5
    assert batch.positions.shape == (begin, 3)


def test_nothing_is_a_batch_too():
    batch = clouds().batch([])
    assert (len(batch.positions), batch.edges.shape, batch.structures) == (0, (2, 0), 0)


def test_rotations_turn_positions_and_vectors_and_nothing_else():
    some = clouds(vectors=2)
    R = SO3().sample(5, generator=torch.Generator().manual_seed(1))
    plain, turned = some.batch(range(5), dtype=torch.float64), some.batch(range(5), rotations=R, dtype=torch.float64)
    for before, after in (
        (plain.positions, turned.positions),
        *zip(plain.vectors.split(3, 1), turned.vectors.split(3, 1), strict=True),
    ):
        expected = torch.stack([R[cloud] @ x for cloud, x in zip(plain.batch, before, strict=True)])
        assert torch.allclose(after, expected, atol=1e-14)
    assert torch.equal(plain.edges, turned.edges)
    assert torch.equal(plain.batch, turned.batch)


def test_points_are_moved_then_stretched():
    some = clouds()
    jitter = torch.randn(2, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved = some.batch([3, 4], jitter=jitter, scales=torch.tensor([2.0, 3.0]), dtype=torch.float64)
    plain = some.batch([3, 4], dtype=torch.float64).positions
    assert torch.allclose(moved.positions[:33], 2 * (plain[:33] + jitter[0, :33]))
    assert torch.allclose(moved.positions[33:], 3 * (plain[33:] + jitter[1, :5]))


def test_every_cloud_fills_the_unit_sphere():
    some = clouds()
    for index, size in enumerate(SIZES):
        part = some.positions[some.offsets[index] : some.offsets[index + 1]]
        assert torch.allclose(part.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-14)
        expected = 0.0 if size < 3 else 1.0
        assert float(part.norm(dim=1).max()) == pytest.approx(expected)


def test_the_unit_sphere_does_not_care_where_or_how_large_a_cloud_was():
    x = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    offsets = torch.tensor([0, 9])
    assert torch.allclose(unit_sphere(5 * x - 3, offsets), unit_sphere(x, offsets), atol=1e-14)
    assert not torch.allclose(unit_sphere(x * torch.tensor([5.0, 1, 1]), offsets), unit_sphere(x, offsets), atol=0.1)


def test_the_reach_is_the_length_of_nearly_every_edge():
    some = clouds()
    batch = some.batch(range(5), dtype=torch.float64)
    lengths = (batch.positions[batch.edges[0]] - batch.positions[batch.edges[1]]).norm(dim=1).sort().values
    assert some.reach(0.5) == pytest.approx(float(lengths[len(lengths) // 2]))
    assert some.reach(1.0) == pytest.approx(float(lengths[-1]))
    alone = CloudSet(torch.zeros(2, 3), torch.tensor([0, 1, 2]), 4)
    assert alone.reach() == 1.0
