"""Counting without solving: weights, elements, cycle types, orbits."""

from itertools import islice
from math import factorial

import pytest
import torch

from intertwine.groups import (
    O2,
    O3,
    SE2,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    Cyclic,
    Dihedral,
    FullLorentz,
    Lorentz,
    MatrixGroup,
    O,
    Sp,
    Symmetric,
    Tetrahedral,
)
from intertwine.hom import character_count, hom_dimension, intertwiners
from intertwine.hom._null_space import null_space
from intertwine.hom._regular import regular_count, regular_maps
from intertwine.hom._schur import schur
from intertwine.hom.characters._count import character_inner_product, conjugacy_classes, list_elements
from intertwine.hom.characters._cycle_types import class_size, partitions, symmetric_classes
from intertwine.hom.characters._planar_count import planar_count
from intertwine.hom.characters._weights import _product, component_trace, invariant_count
from intertwine.reps import Generators
from intertwine.reps.solve import discrete_constraints
from intertwine.reps.solve._generators import normalized
from intertwine.reps.solve._signed_permutations import orbit_basis, orbit_signs, product_permutation, signed_permutation


@pytest.mark.parametrize("group", [SO2(), O2(), SO3(), O3(), Cyclic(5), Dihedral(6)], ids=str)
def test_characters_agree_with_schur_on_irreps_and_sums(group):
    irreps = list(islice(group.irreps(), 5))
    for a in irreps:
        for b in irreps:
            assert character_count(a, b).dimension == (len(a.endomorphisms) if a == b else 0)
    rep_in, rep_out = irreps[-1] * irreps[-2] + 2 * irreps[0], irreps[-1] * group.vector + 3 * irreps[1]
    assert character_count(rep_in, rep_out).dimension == hom_dimension(rep_in, rep_out) == len(schur(rep_in, rep_out))


@pytest.mark.parametrize(
    ("group", "power", "dimension"),
    [
        (SO3(), 12, 4213),
        (SO(5), 6, 15),
        (SO(5), 5, 1),
        (SO(6), 6, 16),
        (SU2(), 6, 320),
        (Sp(4), 6, 14),
        (SL(3), 6, 5),
        (Lorentz(), 6, 25),
    ],
    ids=str,
)
def test_weights(group, power, dimension):
    """Brauer: pairings of the factors, fewer where these are many for the group, and determinants."""
    assert invariant_count(group.trivial, group.vector**power, group.lie_algebra) == dimension


def test_weights_refuse_what_is_not_reductive():
    G = SE2()
    assert invariant_count(G.vector, G.vector, G.lie_algebra) is None
    jordan = MatrixGroup(algebra=[[[0.0, 1.0], [0.0, 0.0]]])
    assert character_count(jordan.vector, jordan.vector) is None


def test_components_are_averaged():
    assert character_count(O3().trivial, O3().vector ** 4).dimension == 3
    assert character_count(O2().vector, O2().vector).dimension == 1
    assert character_count(FullLorentz().vector, FullLorentz().vector ** 3).dimension == 3


def test_components_that_permute_the_roots():
    """A rotation and a reflection of O(4), which exchanges both factors of its Lie algebra so(3) + so(3)."""
    G = O(4)
    assert component_trace(G.trivial, G.vector**4, G.lie_algebra, G.identity) == pytest.approx(4)
    mirror = torch.diag(torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=torch.float64))
    turned = G.exp(G.hat(torch.arange(6, dtype=torch.float64))) @ mirror
    for h in (mirror, turned):
        assert component_trace(G.trivial, G.vector**4, G.lie_algebra, h) == pytest.approx(2)  # not the volume form
    assert character_count(G.adjoint * G.vector, G.vector**3).dimension == 6
    H = O2() * Dihedral(4)
    assert character_count(H.vector**2, H.vector**2).dimension == 13


def test_classes_of_a_finite_group():
    group = Symmetric(4)
    elements, shares = conjugacy_classes(group.elements, group.discrete_generators)
    assert sorted((24 * shares).tolist()) == sorted(float(len(each)) for each in group.conjugacy_classes)
    assert elements[0].equal(group.identity)


def test_units_of_the_lie_algebra_do_not_matter():
    basis = normalized(1e-7 * SO3().lie_algebra)
    assert torch.allclose(basis.flatten(1) @ basis.flatten(1).T, 2 * torch.eye(3, dtype=torch.float64))
    twice = torch.cat([SO3().lie_algebra, SO3().lie_algebra])
    assert len(normalized(twice)) == 3
    assert torch.equal(normalized(SO3().lie_algebra), SO3().lie_algebra)


def test_elements_from_generators():
    assert len(list_elements(Symmetric(4).discrete_generators)) == 24
    assert list_elements(Symmetric(8).discrete_generators, limit=1000) is None
    assert list_elements(torch.tensor([[[2.0]]], dtype=torch.float64)) is None
    third = torch.tensor([[[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]]], dtype=torch.float64)
    assert len(list_elements(third)) == 3


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_cycle_types_are_the_classes_of_the_symmetric_group(n):
    matrices, shares = symmetric_classes(n)
    assert sum(map(class_size, partitions(n))) == factorial(n)
    assert float(shares.sum()) == pytest.approx(1)
    assert Symmetric(n).contains(matrices).all()
    V = Symmetric(n).vector
    for rep in (V, V * V):
        by_elements = character_inner_product(rep, rep, Symmetric(n).elements)
        assert character_inner_product(rep, rep, matrices, shares) == by_elements


def test_burnside_on_a_group_of_millions():
    V = Symmetric(10).vector
    count = character_count(V * V, V * V)
    assert count == (15, "characters")
    assert character_count(Symmetric(30).vector, Symmetric(30).vector).dimension == 2


def test_characters_of_what_is_no_representation():
    V = Cyclic(4).vector
    with pytest.raises(ArithmeticError, match="no whole number"):
        character_inner_product(V, V, Cyclic(4).elements[:3])


def test_signed_permutations():
    matrix = torch.tensor([[0, -1], [1, 0]], dtype=torch.float64)
    places, signs = signed_permutation(matrix)
    assert places.tolist() == [1, 0]
    assert signs.tolist() == [1, -1]
    assert signed_permutation(torch.tensor([[1.0, 1.0], [0.0, 1.0]])) is None
    assert signed_permutation(torch.eye(2) / 2) is None
    assert product_permutation([matrix, torch.ones(2, 2)]) is None
    product = torch.kron(matrix, matrix)
    places, signs = product_permutation([matrix, matrix])
    again = torch.zeros(4, 4, dtype=torch.float64)
    again[places, torch.arange(4)] = signs.to(torch.float64)
    assert torch.equal(again, product)


def test_orbits_with_signs_equal_the_dense_null_space(dense_null_space):
    for group in (Cyclic(4), Dihedral(4), Symmetric(4), Cyclic(2)):
        V = group.vector
        for rep_in, rep_out in ((V, V), (V * V, V * V), (group.trivial, V**3)):
            constraints = discrete_constraints(rep_in, rep_out, Generators.of(group).discrete)
            basis = orbit_basis(*orbit_signs(constraints))
            dense = dense_null_space(rep_in, rep_out)
            assert torch.allclose(basis.reshape(dense.shape), dense, atol=1e-12)
    V = Cyclic(3).vector
    assert orbit_signs(discrete_constraints(V, V, Cyclic(3).discrete_generators)) is None


def test_weights_tell_a_rep_from_its_dual():
    """SL(3): the vector is not its dual; two vectors make one covector, by the volume form."""
    V = SL(3).vector
    for rep_in, rep_out, dimension in [(V, V, 1), (V, V.dual, 0), (V.dual, V, 0), (V * V, V.dual, 1), (V * V, V, 0)]:
        assert character_count(rep_in, rep_out).dimension == dimension
        assert len(intertwiners(rep_in, rep_out)) == dimension


@pytest.mark.parametrize(
    "group", [Cyclic(1), Cyclic(2), Cyclic(7), Cyclic(12), Dihedral(1), Dihedral(5), Dihedral(8)], ids=str
)
def test_planar_groups_in_closed_form_and_by_all_elements(group):
    V, R = group.vector, group.regular
    reps = [V, V * V, V * V * V, *group.irreps(), R, R * V, (V + 2 * group.trivial) * V]
    for rep_in in reps:
        for rep_out in reps:
            by_elements = character_inner_product(rep_in, rep_out, group.elements)
            assert planar_count(rep_in, rep_out) == by_elements
            known = regular_count(rep_in, rep_out)
            assert known in (None, by_elements)
    assert regular_count(R, V) == V.dim
    assert regular_count(V, V) is None
    assert planar_count(Symmetric(3).vector, Symmetric(3).vector) is None


@pytest.mark.parametrize("n", [3, 999_999, 10**6, 10**9])
def test_planar_groups_of_any_order(n):
    V = Cyclic(n).vector
    assert character_count(V, V) == (2, "characters")
    assert character_count(V * V, V * V).dimension == 6
    W = Dihedral(n).vector
    assert character_count(W, W) == (1, "characters")
    assert character_count(W * W, W).dimension == (1 if n == 3 else 0)


@pytest.mark.parametrize("group", [Cyclic(5), Dihedral(4), Tetrahedral(), Symmetric(4)], ids=str)
def test_frobenius_reciprocity_against_the_solver(group):
    V, R = group.vector, group.regular
    for rep_in, rep_out in ((R, V), (V, R), (V * R, V), (V, R * V), (R, V * V)):
        maps = regular_maps(rep_in, rep_out)
        assert maps.shape == (regular_count(rep_in, rep_out), rep_out.dim, rep_in.dim)
        flat = maps.flatten(1)
        assert torch.allclose(flat @ flat.T, torch.eye(len(maps), dtype=torch.float64))
        solved = null_space(rep_in, rep_out).flatten(1)
        assert len(solved) == len(maps)
        assert torch.allclose(flat.T @ flat, solved.T @ solved, atol=1e-9)
        g = group.sample(5)
        assert torch.allclose(rep_out.matrix(g)[:, None] @ maps, maps @ rep_in.matrix(g)[:, None], atol=1e-10)
    assert regular_maps(V, V) is None


def test_too_many_roots_are_not_multiplied_out():
    V = SL(24).vector
    assert invariant_count(V, V, SL(24).lie_algebra) is None
    assert invariant_count(SL(4).vector, SL(4).vector, SL(4).lie_algebra) == 1


def test_products_of_weights_that_are_unknown_or_too_many_are_unknown():
    one = (torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([1, 2]))
    many = (torch.arange(3000, dtype=torch.float64), torch.ones(3000, dtype=torch.int64))
    assert _product(one, None) is None
    assert _product(None, one) is None
    assert _product(many, many) is None
    values, multiplicities = _product(one, one)
    assert values.tolist() == [0, 1, 2]
    assert multiplicities.tolist() == [1, 4, 4]


def test_orbits_are_counted_where_a_group_is_too_large_to_list():
    assert character_count(Symmetric(400).vector, Symmetric(400).vector) == (2, "orbits")
