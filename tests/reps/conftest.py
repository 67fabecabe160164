"""Every test that takes `rep` runs over irreps and composites of all groups; one that takes `any_group`, over those."""

from itertools import islice

import pytest
import torch

from intertwine.groups import (
    O2,
    O3,
    SO2,
    SO3,
    SU2,
    Alternating,
    Cyclic,
    Dihedral,
    FiniteMatrixGroup,
    FullOctahedral,
    Icosahedral,
    MatrixGroup,
    Symmetric,
    Tetrahedral,
)

QUATERNIONS = MatrixGroup(
    [
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
        [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
    ],
    title="Q_8",
)
PLANAR = [SO2(), O2(), *map(Cyclic, (1, 2, 5, 6)), *map(Dihedral, (1, 2, 3, 4))]
FINITE = [Tetrahedral(), FullOctahedral(), Icosahedral(), Symmetric(4), Alternating(4), QUATERNIONS]
PRODUCTS = [Cyclic(3) * Cyclic(4), QUATERNIONS * Cyclic(3), SO2() * Dihedral(3)]
GROUPS = [SO3(), O3(), SU2(), *PLANAR, *FINITE, *PRODUCTS]


def reps_of(group):
    irreps = list(islice(group.irreps(), 6 if group in PLANAR else 5))
    V, last = group.vector, irreps[-1]
    composites = [V * V, 2 * V + last + group.trivial, 0 * V]
    if group in PLANAR or group in (SO3(), O3()):
        composites += [V**3, V * last, (V + last) * (last + V)]
    powers = [V.symmetric_power(2), V.symmetric_power(3), V.antisymmetric_power(2)]
    if not group.order:
        return irreps + composites + powers + [group.adjoint]
    whole = FiniteMatrixGroup(group.discrete_generators)
    part = whole.subgroup(whole.elements[-1:])
    changed = [part.vector.induce(whole), whole.vector.restrict(part), whole.quotient(part)]
    return irreps + composites + powers + changed + [group.regular] * (group.order <= 60)


REPS = [rep for group in GROUPS for rep in reps_of(group)]


def pytest_generate_tests(metafunc):
    if "rep" in metafunc.fixturenames:
        metafunc.parametrize("rep", REPS, ids=repr)
    if "any_group" in metafunc.fixturenames:
        metafunc.parametrize("any_group", GROUPS, ids=str)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)
