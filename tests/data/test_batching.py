from __future__ import annotations

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from intertwine.data import Structures, StructureSet
from intertwine.ops import radius_graph

CUTOFF = 3.0


def haar(count, seed=0):
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix())


def slow_batch(data, indices, dtype):
    """One structure after the other."""
    numbers, positions, edges, batch, start = [], [], [], [], 0
    for place, index in enumerate(indices):
        a, b = data.offsets[index], data.offsets[index + 1]
        x = data.positions[a:b]
        numbers += data.numbers[a:b].tolist()
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
    batch = StructureSet(structures, CUTOFF).batch(indices, dtype=torch.float64)
    numbers, positions, edges, owner = slow_batch(structures, indices, torch.float64)
    assert batch.numbers.tolist() == numbers
    torch.testing.assert_close(
        batch.positions, torch.tensor(positions, dtype=torch.float64).view(-1, 3), atol=1e-14, rtol=0
    )
    assert batch.edges.T.tolist() == edges
    assert batch.edges.shape[0] == 2
    assert batch.edges.dtype == torch.int64
    assert bool((batch.edges[1].diff() >= 0).all())
    assert batch.batch.tolist() == owner
    assert batch.structures == len(indices)
    assert torch.equal(batch.targets["dipole"], structures.targets["dipole"][indices])


def test_positions_are_float32_unless_asked_and_targets_stay_float64(make_structures):
    everything = StructureSet(make_structures([2, 3]), CUTOFF)
    assert everything.batch([0]).positions.dtype == torch.float32
    assert everything.batch([0], dtype=torch.float64).positions.dtype == torch.float64
    assert everything.batch([0]).targets["energy"].dtype == torch.float64


def test_each_structure_has_its_own_rotation(make_structures):
    everything = StructureSet(make_structures([4, 1, 3]), CUTOFF)
    rotations = haar(3)
    plain = everything.batch([2, 0, 1], dtype=torch.float64)
    turned = everything.batch([2, 0, 1], rotations=rotations, dtype=torch.float64)
    slow = torch.stack([rotations[b] @ x for b, x in zip(plain.batch, plain.positions, strict=True)])
    torch.testing.assert_close(turned.positions, slow, atol=1e-14, rtol=0)
    torch.testing.assert_close(plain.rotate(rotations).positions, slow, atol=1e-14, rtol=0)
    assert not torch.allclose(turned.positions, plain.positions)
    assert torch.equal(turned.edges, plain.edges)
    assert turned.targets.keys() == plain.targets.keys()
    with pytest.raises(ValueError, match=r"rotations must be \(3, 3, 3\)"):
        plain.rotate(rotations[0])
    with pytest.raises(ValueError, match=r"rotations must be \(2, 3, 3\)"):
        everything.batch([0, 1], rotations=rotations)


def test_far_from_the_origin_float32_loses_nothing(make_structures):
    data = make_structures([6, 5])
    far = Structures(data.numbers, data.positions + 2.0**20, data.offsets)
    near = Structures(data.numbers, far.positions - 2.0**20, data.offsets)  # exact
    torch.testing.assert_close(
        StructureSet(far, CUTOFF).batch([0, 1]).positions,
        StructureSet(near, CUTOFF).batch([0, 1]).positions,
        atol=1e-6,
        rtol=0,
    )
    raw = StructureSet(far, CUTOFF, center=False).batch([0, 1], dtype=torch.float64)
    assert torch.equal(raw.positions, far.positions)


def test_single_atoms_have_no_edges_and_stand_at_the_origin(make_structures):
    batch = StructureSet(make_structures([1, 1]), CUTOFF).batch([1, 0, 1])
    assert batch.edges.shape == (2, 0)
    assert batch.positions.abs().max() == 0
    assert batch.batch.tolist() == [0, 1, 2]


def test_mean_neighbors_counts_edges_per_atom():
    line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]], dtype=torch.float64)
    everything = StructureSet(Structures(torch.tensor([1, 1, 1]), line, torch.tensor([0, 3])), 1.5)
    assert everything.mean_neighbors == pytest.approx(4 / 3)
    assert len(everything) == 1
    assert "4 edges" in repr(everything)


def test_misuse(make_structures):
    data = make_structures([2, 3])
    for cutoff in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="cutoff must be a positive length"):
            StructureSet(data, cutoff)
    with pytest.raises(IndexError, match="for 2 structures"):
        StructureSet(data, CUTOFF).batch([2])


def test_pickle(make_structures):
    everything = StructureSet(make_structures([2, 3]), CUTOFF)
    again = pickle.loads(pickle.dumps(everything))
    assert torch.equal(again.batch([1, 0]).edges, everything.batch([1, 0]).edges)
