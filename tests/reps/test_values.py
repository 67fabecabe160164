"""Reps are values, and they read what they print."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest
import torch

import intertwine.groups
import intertwine.reps
from intertwine._errors import UsageError
from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral
from intertwine.reps import DirectSum, direct_sum, tensor_product

NAMES = vars(intertwine.groups) | vars(intertwine.reps)


def test_round_trips(rep):
    assert eval(repr(rep), NAMES) == rep
    assert pickle.loads(pickle.dumps(rep)) == rep
    assert copy.deepcopy(rep) == rep
    assert hash(eval(repr(rep), NAMES)) == hash(rep)
    if rep.irreps is not None:
        assert rep.group.rep(str(rep)) == rep
    with pytest.raises((FrozenInstanceError, AttributeError)):
        rep.group = None


def test_all_reps_of_a_group_differ():
    from itertools import islice

    for group in (SO2(), O2(), SO3(), O3(), Cyclic(6), Dihedral(4)):
        irreps = list(islice(group.irreps(), 9))
        assert len(set(irreps)) == len(irreps)
        assert [irrep.key for irrep in irreps] == sorted(irrep.key for irrep in irreps)
        assert all(group.irrep(irrep.label) == irrep == group.irrep(irrep) for irrep in irreps)
        assert irreps[0] == group.trivial


def test_sums_are_flat_and_merged():
    G = O3()
    e, V = G.trivial, G.vector
    assert G.rep("8x0e + 4x1o") == 8 * e + 4 * V == DirectSum(G, ((8, e), (4, V)))
    assert V + V == 2 * V == G.rep("1o + 1x1o")
    assert 1 * V == V == G.rep("1o") == G.irrep("1o")
    assert 2 * (e + V) == e + V + e + V != 2 * e + 2 * V
    assert (e + V) + e == e + (V + e)
    assert 0 * V + V == V
    assert sum([V, e, V]) == V + e + V
    assert V + e != e + V


def test_products_are_flat_and_have_a_unit():
    G = SO3()
    V, D = G.vector, G.irrep(2)
    assert (V * D) * V == V * (D * V) == tensor_product(G, (V, D, V))
    assert G.trivial * V == V * G.trivial == V
    assert V**3 == V * V * V
    assert V**1 == V
    assert G.trivial == V**0
    assert V * D != D * V


def test_irreps_of_a_rep():
    G = O3()
    assert G.rep("8x0e + 4x1o").irreps == ((8, G.irrep("0e")), (4, G.irrep("1o")))
    assert G.vector.irreps == ((1, G.irrep("1o")),)
    assert G.rep("").irreps == ()
    assert (G.vector * G.vector).irreps is None
    assert (3 * G.vector).irreps == ((3, G.vector),)


def test_degree_and_parity():
    assert (O3().irrep("3e").degree, O3().irrep("3e").parity) == (3, 1)
    assert (SO3().irrep(3).degree, SO3().irrep(3).parity) == (3, 1)
    assert O3().irrep(1, -1) == O3().irrep("1o") == O3().irrep(1, "o") == O3().vector


def test_order_of_irreps_is_that_of_e3nn():
    from itertools import islice

    o3 = pytest.importorskip("e3nn.o3")
    ours = [str(irrep) for irrep in islice(O3().irreps(), 12)]
    assert ours == [str(irrep) for irrep in islice(o3.Irrep.iterator(), 12)]


def test_strings():
    G = SO3()
    V = G.vector
    assert str(O3().rep(" 8 x 0e+4x1o ")) == "8x0e + 4x1o"
    assert str(V * V + 2 * G.trivial) == "1 * 1 + 2x0"
    assert str(2 * (V * V)) == "2x(1 * 1)"
    assert str((V + G.trivial) * V) == "(1x1 + 1x0) * 1"
    assert repr(V * V + 2 * G.trivial) == 'SO3().irrep("1") * SO3().irrep("1") + 2 * SO3().irrep("0")'
    assert str(O3().rep("")) == ""


@pytest.mark.parametrize(
    ("group", "text", "dim"),
    [
        (SO3(), "2x0 + 1x1", 5),
        (O3(), "8x0e+4x1o+0x2e", 20),
        (O3(), "0x1o", 0),
        (O3(), "  ", 0),
        (SO2(), "3x0+2x1", 7),
        (O2(), "0+ + 2x0- + 3x1", 9),
        (O2(), "0++0-+1", 4),
        (Cyclic(4), "0 + 1 + 2x2", 5),
        (Dihedral(4), "A1 + A2 + B1 + B2 + 2xE1", 8),
        (Dihedral(3), "E", 2),
    ],
)
def test_grammar(group, text, dim):
    rep = group.rep(text)
    assert rep.dim == dim
    assert group.rep(str(rep)) == rep
    assert group.rep(rep) is rep


@pytest.mark.parametrize(
    ("group", "text", "message"),
    [
        (O3(), "8x0e + 4y1o", 'cannot read "4y1o" in "8x0e + 4y1o": expected MULTIPLICITYxIRREP such as 4x1o'),
        (O3(), "8x0e + ", 'cannot read "" in "8x0e + ": expected MULTIPLICITYxIRREP such as 4x1o'),
        (O3(), "1o + 2", 'cannot read "2" in "1o + 2": expected MULTIPLICITYxIRREP such as 4x1o'),
        (O3(), "-2x1o", 'cannot read "-2x1o" in "-2x1o": expected MULTIPLICITYxIRREP such as 4x1o'),
        (SO3(), "2x0e", 'cannot read "2x0e" in "2x0e": expected MULTIPLICITYxIRREP such as 4x1'),
        (Dihedral(3), "A1 + B1", "D_3 has no irrep ('B1'); it has A1, A2, E1"),
        (Cyclic(5), "2x3", "C_5 has no irrep ('3'); it has frequencies 0 .. 2"),
    ],
)
def test_what_cannot_be_read_is_shown(group, text, message):
    with pytest.raises(UsageError) as error:
        group.rep(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("group", "label"),
    [
        (O3(), (1,)),
        (O3(), ("1",)),
        (O3(), (1, 0)),
        (O3(), ()),
        (O3(), ("1o", 1)),
        (SO3(), (-1,)),
        (SO3(), ("1o",)),
        (SO3(), (1, 1)),
        (SO3(), (True,)),
        (SO3(), (1.0,)),
        (SO2(), (-1,)),
        (O2(), (0,)),
        (O2(), ("0",)),
        (Cyclic(6), (4,)),
        (Dihedral(5), ("E",)),
        (Dihedral(5), ("E3",)),
        (Dihedral(5), ("B1",)),
    ],
)
def test_unknown_irreps_are_named(group, label):
    with pytest.raises(UsageError, match="has no irrep"):
        group.irrep(*label)


def test_errors_of_use():
    with pytest.raises(ValueError, match=r"different groups do not combine: O\(3\) and SO\(3\)"):
        O3().vector + SO3().vector
    with pytest.raises(ValueError, match="different groups"):
        O3().vector * SO3().vector
    with pytest.raises(ValueError, match="at least 0, got -2"):
        -2 * O3().vector
    with pytest.raises(TypeError, match="the number first: 2 \\* rep"):
        O3().vector * 2
    with pytest.raises(TypeError):
        O3().vector + 1
    with pytest.raises(TypeError):
        1.5 * O3().vector
    with pytest.raises(ValueError, match="tensor power"):
        O3().vector ** -1
    with pytest.raises(TypeError, match='a rep is text such as "8x0e \\+ 4x1o", got int'):
        O3().rep(3)
    with pytest.raises(ValueError, match=r"is a rep of SO\(3\), not of O\(3\)"):
        O3().rep(SO3().vector)
    with pytest.raises(ValueError, match=r"is an irrep of SO\(3\), not of O\(3\)"):
        O3().irrep(SO3().vector)


def test_e3nn_objects_are_read():
    o3 = pytest.importorskip("e3nn.o3")
    irreps = o3.Irreps("8x0e + 4x1o + 1x2e")
    assert O3().rep(irreps) == O3().rep("8x0e + 4x1o + 1x2e")
    assert O3().rep(o3.Irrep("1o")) == O3().irrep(o3.Irrep("1o")) == O3().vector
    assert o3.Irreps(str(O3().rep(irreps))) == irreps


def test_layout_is_that_of_e3nn():
    o3 = pytest.importorskip("e3nn.o3")
    text = "2x0e + 3x1o + 1x2e + 2x1e"
    g = O3().sample(4, generator=torch.Generator().manual_seed(0))
    g[2:] = -g[2:]
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        theirs = torch.stack([o3.Irreps(text).D_from_matrix(each) for each in g])
    finally:
        torch.set_default_dtype(default)
    assert torch.allclose(O3().rep(text).matrix(g), theirs, atol=1e-10)


def test_direct_sum_needs_no_terms():
    assert direct_sum(O3(), []) == O3().rep("")
    assert direct_sum(O3(), []).matrix(torch.eye(3).expand(2, 3, 3)).shape == (2, 0, 0)
