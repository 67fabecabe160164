"""Spaces of maps as text, and groups and representations from a user's own file."""

import json

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O2, O3, SO, SO3, Cyclic, Dihedral, FullLorentz, Lorentz, Symmetric, Tetrahedral
from intertwine.hom import generator_rep, intertwiners, parse_group, parse_hom, parse_rep

J = SO3().lie_algebra.tolist()
QUARTER = [[0, -1], [1, 0]]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("SO3", SO3()),
        ("SO(3)", SO3()),
        ("O2", O2()),
        ("C4", Cyclic(4)),
        ("C_4", Cyclic(4)),
        ("Cyclic(4)", Cyclic(4)),
        ("D6", Dihedral(6)),
        ("S5", Symmetric(5)),
        ("Symmetric(5)", Symmetric(5)),
        ("T", Tetrahedral()),
        ("Tetrahedral", Tetrahedral()),
        ("SO4", SO(4)),
        ("SO(5)", SO(5)),
        ("Lorentz", Lorentz()),
        ("SO+(1,3)", Lorentz()),
        ("O(1,3)", FullLorentz()),
    ],
)
def test_groups_by_name(name, group):
    assert parse_group(name) == (group, {})


def test_spaces():
    G, V = O3(), O3().vector
    for text, rep in {
        "1x1o x 1x1o": V * V,
        "1o x 1o": V * V,
        "V * V": V * V,
        "8x0e + 4x1o": G.rep("8x0e + 4x1o"),
        "V^3": V**3,
        "V**2 x 2e": V * V * G.irrep("2e"),
        "2x(V x V + 0e) + trivial": 2 * (V * V + G.trivial) + G.trivial,
        "(0e + 1o) x V": (G.trivial + V) * V,
        "vector": V,
        " ( V ) ": V,
    }.items():
        assert parse_rep(G, text) == rep, text
    assert parse_rep(O2(), "0+ + 0- + 2") == O2().rep("0+ + 0- + 2")
    assert parse_rep(Cyclic(4), "regular x 1") == Cyclic(4).regular * Cyclic(4).irrep(1)
    assert parse_rep(Lorentz(), "V x V*") == Lorentz().vector * Lorentz().vector.dual
    assert parse_rep(Lorentz(), "(V x V)* + V") == (Lorentz().vector ** 2).dual + Lorentz().vector
    assert parse_rep(Symmetric(3), "2x[2,1] x [3] + V") == 2 * Symmetric(3).irrep("[2,1]") + Symmetric(3).vector
    for rep in (V * V + 2 * V, Lorentz().vector * Lorentz().vector.dual):
        assert parse_rep(rep.group, str(rep)) == rep  # what a rep prints is read again


def test_a_question():
    rep_in, rep_out = parse_hom("O3: 1x1o x 1x1o -> 1x0e + 1x1e + 1x2e")
    assert rep_in == O3().vector ** 2
    assert str(rep_out) == "1x0e + 1x1e + 1x2e"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SO3 1 -> 1", 'expected "GROUP: IN -> OUT"'),
        ("SO3: 1", 'expected "GROUP: IN -> OUT"'),
        ("SO3: 1 -> 1 -> 1", 'expected "GROUP: IN -> OUT"'),
        ("SO3: -> 1", 'at "its end"'),
        ("SO3: 1 x -> 1", 'cannot read "1 x" at'),
        ("SO3: (1 + 2 -> 1", "closing bracket"),
        ("SO3: 1 ) -> 1", 'at ")"'),
        ("SO3: 1q -> 1", 'at "1q"'),
        ("O3: 1 -> 1o", 'at "1": expected an irrep such as 4x1o'),
        ("C4: 7 -> 0", "C_4 has no irrep"),
        ("SO3: regular -> 1", "infinite"),
        ("Octahedrl: V -> V", 'did you mean "Octahedral"?'),
        ("SO: V -> V", 'no group "SO"'),
        ("Cyclic(0): V -> V", "whole number"),
        (": V -> V", 'no group ""'),
        ("nowhere.json: V -> V", "cannot read nowhere.json: no such file"),
    ],
)
def test_what_cannot_be_read(text, words):
    with pytest.raises(UsageError) as caught:
        parse_hom(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def write(folder, **content):
    path = folder / "mine.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_a_group_from_a_file(tmp_path):
    sign = {"generators": [[[-1]]]}
    name = write(tmp_path, name="turns", generators=[QUARTER], reps={"sign": sign})
    rep_in, rep_out = parse_hom(f"{name}: V x V -> 2xsign + trivial")
    assert rep_in.group.name == "turns"
    assert len(intertwiners(rep_in, rep_out)) == 2 * 2 + 2
    g = rep_in.group.elements
    basis = intertwiners(rep_in, rep_out)
    assert torch.allclose(rep_out.matrix(g)[:, None] @ basis, basis @ rep_in.matrix(g)[:, None], atol=1e-10)


def test_a_lie_group_from_a_file(tmp_path):
    spin2 = SO3().irrep(2).algebra(SO3().lie_algebra).tolist()
    name = write(tmp_path, algebra=J, generators=[(-torch.eye(3)).tolist()], reps={})
    assert len(intertwiners(*parse_hom(f"{name}: V x V -> V x V"))) == 3
    assert len(intertwiners(*parse_hom(f"{name}: V x V -> V"))) == 0
    name = write(tmp_path, algebra=J, reps={"W": {"algebra": spin2}})
    assert len(intertwiners(*parse_hom(f"{name}: V x V -> W + V"))) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "expects an object with"),
        ({"generatos": []}, "expects an object with"),
        ({"generators": [[[1, 2], [3]]]}, "square matrices"),
        ({"generators": [[[1, 2]]]}, "square matrices"),
        ({"generators": "J"}, "square matrices"),
        ({"generators": [[[1, 0], [0, 0]]]}, "singular"),
        ({"generators": [[[float("nan")]]]}, "finite"),
        ({"algebra": J[:2]}, "not closed"),
        ({"generators": [QUARTER], "algebra": J}, "one size"),
        ({"generators": [QUARTER], "reps": []}, '"reps" expects'),
        ({"generators": [QUARTER], "reps": {"V": {"generators": [[[1]]]}}}, "no name"),
        (
            {"generators": [QUARTER], "reps": {"W": {"generators": []}}},
            "1 generators, so a representation needs as many",
        ),
        ({"generators": [QUARTER], "reps": {"W": {"generators": [[[2]]]}}}, "endlessly many products"),
        ({"generators": [QUARTER], "reps": {"W": {"generators": [[[0]]]}}}, "singular"),
        (
            {"generators": [QUARTER], "reps": {"W": {"generators": [[[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]]]}}},
            "equal",
        ),
        ({"algebra": J, "reps": {"W": {"algebra": [J[0], J[1], J[0]]}}}, "commutator"),
        ({"algebra": J, "reps": {"W": {"algebra": J, "generators": [[[1]]]}}}, "0 generators"),
    ],
)
def test_files_that_describe_no_group_or_no_representation(tmp_path, content, words):
    with pytest.raises(UsageError) as caught:
        parse_hom(f"{write(tmp_path, **content)}: V -> V")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_json(tmp_path):
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        parse_hom(f"{tmp_path / 'mine.json'}: V -> V")


def test_given_representations():
    G = Dihedral(4)
    by_hand = generator_rep(G, "B1", generators=G.irrep("B1").matrix(G.discrete_generators))
    assert torch.allclose(by_hand.matrix(G.elements), G.irrep("B1").matrix(G.elements))
    assert by_hand.orthogonal
    with pytest.raises(ValueError, match="not on this element"):
        by_hand.matrix(2 * G.identity)
    with pytest.raises(UsageError, match="two products of generators are equal"):
        generator_rep(
            G, "mixed", generators=torch.eye(2).roll(1, 0).expand(2, 2, 2) @ torch.diag(torch.tensor([1.0, -1.0]))
        )
    skew = generator_rep(Cyclic(2), "skew", generators=[[[1, 0], [1, -1]]])
    assert not skew.orthogonal
    assert len(intertwiners(skew, skew)) == 2
