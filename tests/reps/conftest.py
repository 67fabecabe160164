"""Every test that takes `rep` runs over irreps and composites of all groups; one that takes `any_group`, over those."""

from itertools import islice

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral

GROUPS = [SO2(), O2(), SO3(), O3(), *map(Cyclic, (1, 2, 5, 6)), *map(Dihedral, (1, 2, 3, 4))]


def reps_of(group):
    irreps = list(islice(group.irreps(), 7))
    V, last = group.vector, irreps[-1]
    composites = [V * V, V**3, 2 * V + last + V * last + group.trivial, (V + last) * (last + V), 0 * V]
    return irreps + composites + ([group.regular, group.regular * V] if group.order else [])


REPS = [rep for group in GROUPS for rep in reps_of(group)]


def pytest_generate_tests(metafunc):
    if "rep" in metafunc.fixturenames:
        metafunc.parametrize("rep", REPS, ids=repr)
    if "any_group" in metafunc.fixturenames:
        metafunc.parametrize("any_group", GROUPS, ids=str)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)
