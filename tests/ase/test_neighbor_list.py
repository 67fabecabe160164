"""Neighbor lists: every library finds what a search over all images finds, the Verlet list what a new search does."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest

from intertwine.ase import NeighborList, find_neighbors

INSTALLED = [name for name in ("vesin", "matscipy", "scipy") if find_spec(name) is not None]


def every_image(positions, cell, pbc, cutoff):
    """All pairs by brute force over the images in reach."""
    reach = [range(-6, 7) if periodic else range(1) for periodic in pbc]
    found = []
    for shift in product(*reach):
        vectors = positions[None] - positions[:, None] + np.array(shift) @ cell
        target, source = np.nonzero((vectors**2).sum(2) < cutoff**2)
        found += [(s, t, shift) for s, t in zip(source.tolist(), target.tolist(), strict=True) if s != t or any(shift)]
    return sorted(found)


def as_set(found):
    return sorted(zip(found.source.tolist(), found.target.tolist(), map(tuple, found.shifts.tolist()), strict=True))


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 0, 1), (0, 1, 0), (0, 0, 0)])
@pytest.mark.parametrize("atoms", [1, 6])
def test_every_image_is_found(library, pbc, atoms):
    random = np.random.default_rng(0)
    cell = 2.2 * np.eye(3) + random.normal(scale=0.3, size=(3, 3))
    positions = random.uniform(-1, 2, size=(atoms, 3)) @ cell
    found = find_neighbors(positions, cell, np.array(pbc, dtype=bool), 4.0, library)
    assert as_set(found) == every_image(positions, cell, pbc, 4.0)
    assert (np.diff(found.target) >= 0).all()
    expected = positions[found.source] - positions[found.target] + found.shifts @ cell
    assert np.allclose(found.vectors, expected)


def test_the_verlet_list_searches_only_when_atoms_have_moved():
    random = np.random.default_rng(1)
    cell, pbc = 7.0 * np.eye(3), np.ones(3, dtype=bool)
    positions = random.uniform(0, 7, size=(30, 3))
    neighbors = NeighborList(3.0, skin=0.6)
    for step in range(25):
        found = neighbors(positions, cell, pbc)
        assert as_set(found) == as_set(find_neighbors(positions, cell, pbc, 3.0)), step
        positions = positions + random.normal(scale=0.03, size=positions.shape)
    assert 1 < neighbors.searches < 15
    before = neighbors.searches
    neighbors(positions, 1.01 * cell, pbc)
    assert neighbors.searches == before + 1
    without_skin = NeighborList(3.0, skin=0.0)
    for _ in range(3):
        without_skin(positions, cell, pbc)
    assert without_skin.searches == 3
