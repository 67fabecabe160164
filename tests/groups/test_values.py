import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral

MAKERS = [SO2, O2, SO3, O3, lambda: Cyclic(3), lambda: Cyclic(4), lambda: Dihedral(3), lambda: Dihedral(4)]


@pytest.mark.parametrize("make", MAKERS)
def test_groups_are_values(make):
    group = make()
    assert group == make()
    assert hash(group) == hash(make())
    assert pickle.loads(pickle.dumps(group)) == group
    assert copy.deepcopy(group) == group
    assert eval(repr(group)) == group
    with pytest.raises((FrozenInstanceError, AttributeError)):
        group.n = 7


def test_different_groups_differ():
    assert len({make() for make in MAKERS}) == len(MAKERS)
    assert SO3() != O3()


def test_names():
    assert [str(make()) for make in MAKERS] == ["SO(2)", "O(2)", "SO(3)", "O(3)", "C_3", "C_4", "D_3", "D_4"]


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
