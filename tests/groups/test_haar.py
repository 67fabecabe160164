"""Haar measure: the second moment of a character is the number of real endomorphisms of its irrep."""

from itertools import islice

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral

N = 20_000
GROUPS = [SO2(), O2(), SO3(), O3(), Cyclic(5), Dihedral(4)]


def moments(group, g):
    """(label, deviations of E|chi|^2 from its value, in standard errors)."""
    for irrep in islice(group.irreps(), 8):
        squares = irrep.character(g).square()
        error = max(float(squares.std()), 1e-9) / N**0.5
        yield str(irrep), abs(float(squares.mean()) - len(irrep.endomorphisms)) / error


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_character_moments(group):
    g = group.sample(N, generator=torch.Generator().manual_seed(0))
    assert max(deviation for _, deviation in moments(group, g)) < 3.5


def test_rotations_about_one_axis_fail():
    about_z = torch.eye(3, dtype=torch.float64).repeat(N, 1, 1)
    about_z[:, :2, :2] = SO2().sample(N, generator=torch.Generator().manual_seed(0))
    assert max(deviation for _, deviation in moments(SO3(), about_z)) > 20


def test_the_mean_of_a_nontrivial_irrep_vanishes():
    g = SO3().sample(N, generator=torch.Generator().manual_seed(1))
    for degree in (1, 2, 3):
        assert SO3().irrep(degree).matrix(g).mean(0).abs().max() < 5 / N**0.5
