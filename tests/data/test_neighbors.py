from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intertwine.data import _neighbors
from intertwine.data._neighbors import NearestNeighbors, RadiusNeighbors
from intertwine.ops import knn_graph, radius_graph


def slow_edges(positions, offsets, cutoff):
    """All pairs of all structures, one after the other."""
    x, edges = positions.tolist(), []
    for a, b in pairwise(offsets):
        for target in range(a, b):
            for source in range(a, b):
                d = [p - q for p, q in zip(x[target], x[source], strict=True)]
                if source != target and d[0] * d[0] + d[1] * d[1] + d[2] * d[2] < cutoff * cutoff:
                    edges.append((source, target))
    return edges


def fast_edges(positions, offsets, cutoff):
    sources, begins = RadiusNeighbors(cutoff).find(positions, torch.tensor(offsets))
    target = torch.arange(len(positions)).repeat_interleave(begins.diff())
    owner = torch.bucketize(target, torch.tensor(offsets[1:]), right=True)
    return list(zip((sources.long() + torch.tensor(offsets)[owner]).tolist(), target.tolist(), strict=True))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(1, 9), max_size=6), seed=st.integers(0, 999), steps=st.integers(1, 4))
def test_edges_are_brute_force_with_ties_and_coincident_atoms(sizes, seed, steps):
    # on a grid many pairs lie exactly at the cutoff, and many atoms in one place
    generator = torch.Generator().manual_seed(seed)
    positions = 0.5 * torch.randint(-2, 3, (sum(sizes), 3), generator=generator).double()
    offsets = np.cumsum([0, *sizes]).tolist()
    assert fast_edges(positions, offsets, 0.5 * steps) == slow_edges(positions, offsets, 0.5 * steps)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_the_last_bit_decides_at_the_cutoff(shift):
    def connected(distance):
        positions = torch.tensor([[shift, 0, 0], [shift + distance, 0, 0]], dtype=torch.float64)
        return len(RadiusNeighbors(5.0).find(positions, torch.tensor([0, 2]))[0]) == 2

    below = np.nextafter(shift + 5.0, 0) - shift
    assert connected(below)
    assert not connected(5.0)


def test_coincident_atoms_are_neighbors_and_nobody_is_its_own():
    positions = torch.zeros(3, 3, dtype=torch.float64)
    assert fast_edges(positions, [0, 2, 3], 1.0) == [(1, 0), (0, 1)]


def test_structures_do_not_see_each_other():
    assert fast_edges(torch.zeros(4, 3, dtype=torch.float64), [0, 1, 2, 3, 4], 5.0) == []


def test_nothing_at_all():
    sources, begins = RadiusNeighbors(5.0).find(torch.zeros(0, 3, dtype=torch.float64), torch.tensor([0]))
    assert (len(sources), begins.tolist()) == (0, [0])


@pytest.mark.parametrize("points_at_once", [1, 40, 100, 1 << 16])
def test_structures_are_searched_in_shares_and_nobody_notices(make_structures, monkeypatch, points_at_once):
    monkeypatch.setattr(_neighbors, "_POINTS_AT_ONCE", points_at_once)
    sizes = [3, 60, 1, 41, 45, 5, 1, 2, 21, 20]
    data = make_structures(sizes, spread=1.5)
    data.positions[10] = data.positions[30]
    offsets = data.offsets.tolist()
    assert fast_edges(data.positions, offsets, 2.0) == slow_edges(data.positions, offsets, 2.0)


@pytest.mark.parametrize(("size", "dtype"), [(256, torch.uint8), (257, torch.int16)])
def test_neighbors_are_stored_small_and_whole(make_structures, size, dtype):
    data = make_structures([2, size])
    sources, _ = RadiusNeighbors(100.0).find(data.positions, data.offsets)
    assert sources.dtype == dtype
    assert sources.long().max() == size - 1
    assert len(sources) == 2 + size * (size - 1)


def test_same_edges_as_radius_graph(make_structures):
    data = make_structures([5, 1, 12, 450, 7], seed=3)
    edges = radius_graph(data.positions, 2.5, data.batch)
    assert fast_edges(data.positions, data.offsets.tolist(), 2.5) == [tuple(edge) for edge in edges.T.tolist()]


def test_nearest_neighbors_are_those_of_knn_graph(make_structures):
    data = make_structures([5, 1, 12, 300, 2], seed=3)
    sources, begins = NearestNeighbors(7).find(data.positions, data.offsets)
    assert sources.dtype == torch.int16
    assert begins.diff().tolist() == [4] * 5 + [0] + [7] * 312 + [1] * 2
    expected = torch.cat([knn_graph(cloud, 7)[0] for cloud in data.positions.split(data.counts.tolist())])
    assert torch.equal(sources.long(), expected)
    sources, begins = NearestNeighbors(7).find(torch.zeros(0, 3, dtype=torch.float64), torch.tensor([0]))
    assert (len(sources), begins.tolist()) == (0, [0])
