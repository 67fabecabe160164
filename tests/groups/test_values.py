import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch

import intertwine.groups
from intertwine.groups import (
    E3,
    O2,
    O3,
    SE3,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    U1,
    AffineGroup,
    Alternating,
    Cyclic,
    Dihedral,
    DirectProduct,
    FiniteDirectProduct,
    FiniteMatrixGroup,
    FullLorentz,
    Icosahedral,
    Lorentz,
    MatrixGroup,
    O,
    Octahedral,
    Scaling,
    SemidirectProduct,
    Sp,
    Symmetric,
    Translations,
)

OLD = [SO2, O2, SO3, O3, lambda: Cyclic(3), lambda: Cyclic(4), lambda: Dihedral(3), lambda: Dihedral(4)]
MAKERS = [
    *OLD,
    *(U1, SU2, SE3, E3, Lorentz, FullLorentz, Octahedral, Icosahedral),
    *(lambda: SO(4), lambda: O(5), lambda: SL(2), lambda: Sp(4), lambda: Scaling(2), lambda: Translations(3)),
    *(lambda: Symmetric(4), lambda: Alternating(4), lambda: AffineGroup(Octahedral())),
    *(lambda: SO3() * Symmetric(3), lambda: Cyclic(2) * Cyclic(3)),
    lambda: SemidirectProduct(Cyclic(5), MatrixGroup([[[1, 0], [0, -1]]])),
    lambda: MatrixGroup([[[0, -1], [1, 0]]]),
    lambda: MatrixGroup(algebra=SO3().lie_algebra[2:], title="turns about z"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_groups_are_values(make):
    group = make()
    assert group == make()
    assert hash(group) == hash(make())
    assert pickle.loads(pickle.dumps(group)) == group
    assert copy.deepcopy(group) == group
    assert eval(repr(group), vars(intertwine.groups)) == group
    with pytest.raises((FrozenInstanceError, AttributeError)):
        group.n = 7


def test_the_short_names_of_rotations():
    assert SO(2) == SO2()
    assert SO(3) == SO3()
    assert O(2) == O2()
    assert O(3) == O3()
    for make in (SO, O):
        with pytest.raises(ValueError, match="whole number n >= 2, got 1"):
            make(1)


def test_products_and_closures_of_finite_groups_are_finite():
    assert isinstance(Cyclic(2) * Cyclic(3), FiniteDirectProduct)
    assert type(SO3() * Cyclic(3)) is DirectProduct
    assert isinstance(MatrixGroup([[[0, -1], [1, 0]]]), FiniteMatrixGroup)
    assert type(MatrixGroup([[[0.6, -0.8], [0.8, 0.6]]])) is MatrixGroup  # no root of unity
    assert type(MatrixGroup([[[1, 1], [0, 1]]])) is MatrixGroup


def test_different_groups_differ():
    assert len({make() for make in MAKERS}) == len(MAKERS)
    assert SO3() != O3()


def test_names():
    assert [str(make()) for make in OLD] == ["SO(2)", "O(2)", "SO(3)", "O(3)", "C_3", "C_4", "D_3", "D_4"]


def test_the_groups_floor_stands_alone():
    code = "import intertwine.groups, sys; print([m for m in sys.modules if m.startswith('intertwine.reps')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_constants_survive_a_default_device():
    with torch.device("meta"):
        Cyclic(19).elements  # first use, inside
    assert Cyclic(19).elements.sum().isfinite()


def test_constants_survive_inference_mode():
    with torch.inference_mode():
        Cyclic(17).elements  # first use, inside
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (Cyclic(17).elements @ x).sum().backward()
    assert x.grad is not None
