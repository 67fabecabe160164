from __future__ import annotations

import json

import pytest

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.tasks.properties import Target, parse_target
from intertwine.tasks.properties._targets import parse_targets, public_targets


@pytest.mark.parametrize("rep", ["0e", "1o", "0e+2e", "0e + 2e", "2x0e + 3x1o", "0o", "1e+4e"])
def test_the_grammar_is_that_of_the_algebra(rep):
    target = parse_target(f"a:{rep}")
    assert target.dim == O3().rep(rep).dim
    assert [(copies, degree, 1 if parity == "e" else -1) for copies, degree, parity in target.irreps] == [
        (copies, irrep.degree, irrep.parity) for copies, irrep in O3().rep(rep).irreps
    ]


@pytest.mark.parametrize("rep", ["0", "e", "1x", "0e+", "0e,1o", "-1o", "1o1o", "0x1o", "1p", "x0e"])
def test_what_is_no_representation_is_refused(rep):
    with pytest.raises(UsageError, match="is not a representation"):
        parse_target(f"a:{rep}")


@pytest.mark.parametrize("text", ["", ":1o", "a:", "@debye"])
def test_what_is_no_target_is_refused(text):
    with pytest.raises(UsageError, match="is not a target"):
        parse_target(text)


def test_names_of_columns():
    assert parse_target("gap").columns == ("gap",)
    assert parse_target("gap:2x0e").columns == ("gap_0", "gap_1")
    assert parse_target("d:1o").columns == ("d_x", "d_y", "d_z")
    assert parse_target("q:0e+2e").columns == tuple(f"q_{index}" for index in range(6))
    assert parse_target("q:ij=ji").columns == tuple(f"q_{i}{j}" for i in "xyz" for j in "xyz")


def test_only_invariants_are_scalars():
    assert parse_target("a").is_scalar
    assert parse_target("a:3x0e").is_scalar
    assert not parse_target("a:0o").is_scalar
    assert not parse_target("a:ij=ji").is_scalar


@pytest.mark.parametrize("text", ["gap", "d:1o@debye", "q:ij=ji@debye*angstrom"])
def test_targets_survive_json(text):
    target = parse_target(text)
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_several_targets():
    assert [target.name for target in parse_targets(["b", "a:1o"])] == ["b", "a"]
    with pytest.raises(UsageError, match="nothing to learn"):
        parse_targets([])
    with pytest.raises(UsageError, match='"a" is given twice'):
        parse_targets(["a", "b", "a:1o"])


def test_public_targets_have_units_and_are_scalars():
    (target,) = public_targets("qm9", parse_targets(["polarizability"]))
    assert target.unit == "bohr^3"
    with pytest.raises(UsageError, match='did you mean "polarizability"'):
        public_targets("qm9", parse_targets(["polarizabilty"]))
    with pytest.raises(UsageError, match="is a scalar"):
        public_targets("qm9", parse_targets(["gap:1o"]))
