from __future__ import annotations

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from intertwine.data import NearestNeighbors, PointCloudDataset, PointCloudSet, RadiusNeighbors, molecules
from intertwine.groups import SO3
from intertwine.ops import knn_graph, radius_graph

CUTOFF = 3.0
NEAR = RadiusNeighbors(CUTOFF)


def haar(count, seed=0):
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix())


def slow_batch(data, indices, dtype):
    """One structure after the other."""
    numbers, positions, edges, batch, start = [], [], [], [], 0
    for place, index in enumerate(indices):
        a, b = data.offsets[index], data.offsets[index + 1]
        x = data.positions[a:b]
        numbers += data.point_fields["numbers"][a:b].tolist()
        positions += (x - x.mean(0)).to(dtype).tolist()
        edges += (radius_graph(x, CUTOFF) + start).T.tolist()
        batch += [place] * len(x)
        start += len(x)
    return numbers, positions, edges, batch


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_batch_is_the_loop(make_structures, data):
    sizes = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=8))
    indices = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=10))
    structures = make_structures(sizes)
    batch = PointCloudDataset(structures, NEAR).batch(indices, dtype=torch.float64)
    numbers, positions, edges, owner = slow_batch(structures, indices, torch.float64)
    assert batch.point_fields["numbers"].tolist() == numbers
    torch.testing.assert_close(
        batch.positions, torch.tensor(positions, dtype=torch.float64).view(-1, 3), atol=1e-14, rtol=0
    )
    assert batch.edges.T.tolist() == edges
    assert batch.edges.shape[0] == 2
    assert batch.edges.dtype == torch.int64
    assert bool((batch.edges[1].diff() >= 0).all())
    assert batch.batch.tolist() == owner
    assert batch.num_clouds == len(indices)
    assert torch.equal(batch.cloud_fields["dipole"], structures.cloud_fields["dipole"][indices])


def test_positions_are_float32_unless_asked_and_targets_stay_float64(make_structures):
    everything = PointCloudDataset(make_structures([2, 3]), NEAR)
    assert everything.batch([0]).positions.dtype == torch.float32
    assert everything.batch([0], dtype=torch.float64).positions.dtype == torch.float64
    assert everything.batch([0]).cloud_fields["energy"].dtype == torch.float64


def test_each_structure_has_its_own_rotation(make_structures):
    everything = PointCloudDataset(make_structures([4, 1, 3]), NEAR)
    rotations = haar(3)
    plain = everything.batch([2, 0, 1], dtype=torch.float64)
    turned = everything.batch([2, 0, 1], rotations=rotations, dtype=torch.float64)
    slow = torch.stack([rotations[b] @ x for b, x in zip(plain.batch, plain.positions, strict=True)])
    torch.testing.assert_close(turned.positions, slow, atol=1e-14, rtol=0)
    torch.testing.assert_close(plain.rotate(rotations).positions, slow, atol=1e-14, rtol=0)
    assert not torch.allclose(turned.positions, plain.positions)
    assert torch.equal(turned.edges, plain.edges)
    assert turned.cloud_fields.keys() == plain.cloud_fields.keys()
    with pytest.raises(ValueError, match=r"rotations must be \(3, 3, 3\)"):
        plain.rotate(rotations[0])
    with pytest.raises(ValueError, match=r"rotations must be \(2, 3, 3\)"):
        everything.batch([0, 1], rotations=rotations)


def test_far_from_the_origin_float32_loses_nothing(make_structures):
    data = make_structures([6, 5])
    far = molecules(data.point_fields["numbers"], data.positions + 2.0**20, data.offsets)
    near = molecules(data.point_fields["numbers"], far.positions - 2.0**20, data.offsets)  # exact
    torch.testing.assert_close(
        PointCloudDataset(far, NEAR).batch([0, 1]).positions,
        PointCloudDataset(near, NEAR).batch([0, 1]).positions,
        atol=1e-6,
        rtol=0,
    )
    raw = PointCloudDataset(far, NEAR, normalize="none").batch([0, 1], dtype=torch.float64)
    assert torch.equal(raw.positions, far.positions)


def test_single_atoms_have_no_edges_and_stand_at_the_origin(make_structures):
    batch = PointCloudDataset(make_structures([1, 1]), NEAR).batch([1, 0, 1])
    assert batch.edges.shape == (2, 0)
    assert batch.positions.abs().max() == 0
    assert batch.batch.tolist() == [0, 1, 2]


def test_avg_num_neighbors_counts_edges_per_atom():
    line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]], dtype=torch.float64)
    everything = PointCloudDataset(PointCloudSet(line, torch.tensor([0, 3])), RadiusNeighbors(1.5))
    assert everything.avg_num_neighbors == pytest.approx(4 / 3)
    assert len(everything) == 1
    assert "4 edges" in repr(everything)


def test_misuse(make_structures):
    data = make_structures([2, 3])
    for cutoff in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="cutoff must be a positive length"):
            RadiusNeighbors(cutoff)
    with pytest.raises(ValueError, match="k, the number of nearest neighbors, must be positive; got 0"):
        NearestNeighbors(0)
    with pytest.raises(IndexError, match="for 2 clouds"):
        PointCloudDataset(data, NEAR).batch([2])
    with pytest.raises(ValueError, match='"center", "unit_sphere" or "none"; got \'sphere\''):
        PointCloudDataset(data, NEAR, normalize="sphere")
    with pytest.raises(ValueError, match=r"scales must be \(2,\), one a cloud; got \(3,\)"):
        PointCloudDataset(data, NEAR).batch([0, 1], scales=torch.ones(3))
    with pytest.raises(ValueError, match=r"jitter must be \(2, 3 or more, 3\); got \(2, 2, 3\)"):
        PointCloudDataset(data, NEAR).batch([0, 1], jitter=torch.zeros(2, 2, 3))


def test_pickle(make_structures):
    everything = PointCloudDataset(make_structures([2, 3]), NEAR)
    again = pickle.loads(pickle.dumps(everything))
    assert torch.equal(again.batch([1, 0]).edges, everything.batch([1, 0]).edges)


SIZES = (20, 1, 2, 33, 5)


def shapes(k=6, **fields):
    """Five clouds in the unit sphere, and the k nearest neighbors of their points."""
    generator = torch.Generator().manual_seed(0)
    positions = 7 + 3 * torch.randn(sum(SIZES), 3, generator=generator, dtype=torch.float64)
    positions[21:23] = positions[21]  # the cloud of two points is one place
    offsets = torch.tensor([0, *SIZES]).cumsum(0)
    clouds = PointCloudSet(positions, offsets, fields, vectors=[name for name in fields if name == "vectors"])
    return PointCloudDataset(clouds, NearestNeighbors(k), normalize="unit_sphere")


def test_a_batch_is_its_clouds_side_by_side():
    some, indices = shapes(parts=torch.arange(sum(SIZES))), [3, 0, 1, 3, 2]
    batch = some.batch(indices, dtype=torch.float64)
    edges, parts, begin = [], [], 0
    for index in indices:
        points = slice(some.clouds.offsets[index], some.clouds.offsets[index + 1])
        positions = some.positions[points]
        assert torch.equal(batch.positions[begin : begin + len(positions)], positions)
        edges.append(knn_graph(positions, 6) + begin)
        parts += range(points.start, points.stop)
        begin += len(positions)
    assert torch.equal(batch.edges, torch.cat(edges, 1))
    assert batch.point_fields["parts"].tolist() == parts
    assert batch.batch.bincount().tolist() == [SIZES[index] for index in indices]
    assert batch.num_clouds == 5
    assert batch.positions.shape == (begin, 3)


def test_nothing_is_a_batch_too():
    batch = shapes().batch([])
    assert (len(batch.positions), batch.edges.shape, batch.num_clouds) == (0, (2, 0), 0)


def test_rotations_turn_positions_and_vectors_and_nothing_else():
    generator = torch.Generator().manual_seed(4)
    some = shapes(vectors=torch.randn(sum(SIZES), 6, generator=generator), scalars=torch.rand(sum(SIZES), 3))
    R = SO3().sample(5, generator=torch.Generator().manual_seed(1))
    plain, turned = some.batch(range(5), dtype=torch.float64), some.batch(range(5), rotations=R, dtype=torch.float64)
    fields, others = plain.point_fields, turned.point_fields
    for before, after in (
        (plain.positions, turned.positions),
        *zip(fields["vectors"].split(3, 1), others["vectors"].split(3, 1), strict=True),
    ):
        expected = torch.stack([R[cloud] @ x for cloud, x in zip(plain.batch, before, strict=True)])
        assert torch.allclose(after, expected, atol=1e-14)
    assert torch.equal(fields["scalars"], others["scalars"])
    assert torch.equal(plain.edges, turned.edges)
    assert torch.equal(plain.batch, turned.batch)
    single = some.batch(range(5), rotations=R)
    assert single.positions.dtype == single.point_fields["vectors"].dtype == torch.float32
    assert torch.equal(single.point_fields["vectors"], others["vectors"].float())  # turned first, cast last


def test_points_are_moved_then_stretched():
    some = shapes()
    jitter = torch.randn(2, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved = some.batch([3, 4], jitter=jitter, scales=torch.tensor([2.0, 3.0]), dtype=torch.float64)
    plain = some.batch([3, 4], dtype=torch.float64).positions
    assert torch.allclose(moved.positions[:33], 2 * (plain[:33] + jitter[0, :33]))
    assert torch.allclose(moved.positions[33:], 3 * (plain[33:] + jitter[1, :5]))


def test_the_quantile_is_the_length_of_nearly_every_edge():
    some = shapes()
    batch = some.batch(range(5), dtype=torch.float64)
    lengths = (batch.positions[batch.edges[0]] - batch.positions[batch.edges[1]]).norm(dim=1).sort().values
    assert some.edge_length_quantile(0.5) == pytest.approx(float(lengths[len(lengths) // 2]))
    assert some.edge_length_quantile(1.0) == pytest.approx(float(lengths[-1]))
    alone = PointCloudDataset(PointCloudSet(torch.zeros(2, 3), torch.tensor([0, 1, 2])), NearestNeighbors(4))
    assert alone.edge_length_quantile() == 1.0


@pytest.mark.parametrize("counts", [(3, 1, 4), (5, 5, 5)], ids=["ragged", "equal"])
@pytest.mark.parametrize("turned", [False, True])
def test_without_a_rule_there_are_no_edges_and_all_else_is_what_a_loop_gathers(counts, turned):
    generator = torch.Generator().manual_seed(0)
    positions, normals = torch.randn(2, sum(counts), 3, generator=generator)
    clouds = PointCloudSet(
        positions,
        torch.tensor([0, *counts]).cumsum(0),
        {"normals": normals, "parts": torch.arange(sum(counts))},
        {"classes": torch.tensor([1, 0, 1])},
        ["normals"],
    )
    indices, some = [2, 0, 2, -2], PointCloudDataset(clouds, normalize="none")
    R = haar(4) if turned else None
    batch = some.batch(indices, rotations=R)
    rows = [row for i in indices for row in range(int(clouds.offsets[i % 3]), int(clouds.offsets[i % 3 + 1]))]
    owner = [place for place, i in enumerate(indices) for _ in range(counts[i])]
    matrices = (torch.eye(3).expand(4, 3, 3) if R is None else R.float())[owner]
    for found, before in ((batch.positions, positions), (batch.point_fields["normals"], normals)):
        torch.testing.assert_close(found, (matrices @ before[rows, :, None])[..., 0], rtol=0, atol=1e-6)
        assert found.dtype == torch.float32
    assert batch.point_fields["parts"].tolist() == rows
    assert batch.batch.tolist() == owner
    assert batch.cloud_fields["classes"].tolist() == [1, 1, 1, 0]
    assert (batch.num_clouds, batch.edges.shape) == (4, (2, 0))
    assert some.batch(indices, rotations=R, dtype=torch.float64).positions.dtype == torch.float64


def test_scales_along_each_axis():
    data = PointCloudSet(torch.rand(7, 3, dtype=torch.float64), torch.tensor([0, 3, 7]))
    dataset = PointCloudDataset(data, NEAR)
    scales = torch.tensor([[1.0, 2.0, 3.0], [0.5, 1.0, 4.0]], dtype=torch.float64)
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64).expand(2, 3, 3)
    plain = dataset.batch([0, 1], dtype=torch.float64)
    found = dataset.batch([0, 1], scales=scales, rotations=quarter, dtype=torch.float64)
    expected = plain.positions * scales[plain.batch]
    assert torch.allclose(found.positions, expected @ quarter[0].T)
    doubled = [dataset.batch([0, 1], scales=torch.full(shape, 2.0)).positions for shape in ((2, 3), (2,))]
    assert torch.equal(*doubled)
