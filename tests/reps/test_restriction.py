"""Restriction and induction: goldens of the point groups, Frobenius reciprocity, branching."""

import pytest
import torch

from intertwine.groups import (
    O3,
    SE3,
    SO2,
    SO3,
    SU2,
    Alternating,
    Cyclic,
    Dihedral,
    DoubleCover,
    Embedding,
    FullOctahedral,
    Icosahedral,
    LinearPart,
    MatrixGroup,
    Octahedral,
    Symmetric,
    Tetrahedral,
)
from intertwine.reps import DirectSum, Pullback

# How often the trivial irrep is in D^l, l = 0 .. 15.
INVARIANTS = {
    Tetrahedral(): [1, 0, 0, 1, 1, 0, 2, 1, 1, 2, 2, 1, 3, 2, 2, 3],
    Octahedral(): [1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 2, 1, 1, 1],
    Icosahedral(): [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1],
}


def dim_hom(first, second):
    """The inner product of the characters of reps of a finite group."""
    g = first.group.elements
    return round(float((first.character(g) * second.character(g)).mean()), 8)


@pytest.mark.parametrize("group", INVARIANTS, ids=str)
def test_invariants_of_the_irreps_of_rotations(group):
    by_character = [dim_hom(group.trivial, SO3().irrep(degree).restrict(group)) for degree in range(16)]
    assert by_character == INVARIANTS[group]
    for degree in (3, 6, 9, 15):
        found = {irrep: copies for copies, irrep in SO3().irrep(degree).restrict(group).decompose().irreps.irreps}
        assert found.get(group.trivial, 0) == INVARIANTS[group][degree]


def test_endomorphisms_under_the_icosahedral_group():
    reps = [SO3().irrep(degree).restrict(Icosahedral()) for degree in range(7)]
    assert [dim_hom(rep, rep) for rep in reps] == [1, 1, 1, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("degree", "group", "text"),
    [
        (2, Octahedral(), "1xE + 1xT2"),
        (3, Octahedral(), "1xA2 + 1xT1 + 1xT2"),
        (2, Tetrahedral(), "1xE + 1xT"),
        (3, Icosahedral(), "1xT2 + 1xG"),
        (4, Icosahedral(), "1xG + 1xH"),
        (6, Icosahedral(), "1xA + 1xT1 + 1xG + 1xH"),
    ],
)
def test_crystal_field_splitting(degree, group, text):
    assert str(SO3().irrep(degree).restrict(group).decompose().irreps) == text


@pytest.mark.parametrize(
    ("group", "subgroup"),
    [
        (Icosahedral(), Tetrahedral()),
        (Octahedral(), Tetrahedral()),
        (Symmetric(4), Alternating(4)),
        (Dihedral(6), Cyclic(6)),
    ],
    ids=str,
)
def test_frobenius_reciprocity(group, subgroup):
    for small in subgroup.irreps():
        induced = small.induce(group)
        assert induced.dim == small.dim * group.order // subgroup.order
        for large in group.irreps():
            assert dim_hom(induced, large) == dim_hom(small, large.restrict(subgroup))


def test_induced_reps_are_representations_and_decompose():
    group, subgroup = Octahedral(), Tetrahedral()
    rep = subgroup.irrep("E").induce(group)
    g, h = group.elements[:, None], group.elements
    assert torch.allclose(rep.matrix(g @ h), rep.matrix(g) @ rep.matrix(h), atol=1e-12)
    Q, irreps = rep.decompose()
    assert str(irreps) == "2xE"
    assert torch.allclose(Q @ irreps.matrix(h) @ Q.T, rep.matrix(h), atol=1e-10)
    assert Octahedral().trivial.induce(Octahedral()) == Octahedral().trivial


def test_induction_from_the_trivial_subgroup_is_the_regular_rep():
    group = Dihedral(3)
    one = group.subgroup(group.elements[:1])
    assert torch.equal(one.trivial.induce(group).matrix(group.elements), group.regular.matrix(group.elements))


def test_quotients_permute_cosets():
    rep = Icosahedral().quotient(Tetrahedral())
    m = rep.matrix(Icosahedral().elements)
    assert m.shape == (60, 5, 5)
    assert torch.equal(m.sum(-1), torch.ones(60, 5, dtype=torch.float64))
    assert torch.equal(m, m.round())
    assert str(rep.decompose().irreps) == "1xA + 1xG"  # I is A_5, which permutes five tetrahedra


def test_under_rotations_alone_parity_is_forgotten():
    full = O3().rep("2x0o + 3x1e + 2x1o + 2e + 3o")
    rotations = SO3().sample(8, generator=torch.Generator().manual_seed(0))
    restricted = full.restrict(SO3())
    assert restricted == SO3().rep("2x0 + 3x1 + 2x1 + 2 + 3")
    assert torch.equal(restricted.matrix(rotations), full.matrix(rotations))


def test_restriction_keeps_the_shape_of_sums_and_products():
    G, H = SO3(), Octahedral()
    V = G.vector
    assert V.restrict(H) == H.vector
    assert G.trivial.restrict(H) == H.trivial
    assert (2 * V * V + G.trivial).restrict(H) == 2 * H.vector * H.vector + H.trivial
    assert isinstance((V + G.irrep(2)).restrict(H), DirectSum)
    assert V.restrict(G) is V
    twice = O3().irrep("2e").restrict(FullOctahedral()).restrict(Octahedral())
    assert isinstance(twice, Pullback)
    assert len(twice.path) == 2
    g = Octahedral().elements
    assert torch.allclose(twice.matrix(g), O3().irrep("2e").matrix(g), atol=1e-14)


def test_branching_to_rotations_about_an_axis():
    about_y = Embedding(SO2(), SO3(), torch.eye(3)[:, [2, 0]])
    rep = SO3().irrep(3).restrict(about_y)
    assert str(rep.decompose().irreps) == "1x0 + 1x1 + 1x2 + 1x3"
    angle = torch.tensor(0.7, dtype=torch.float64)
    g = SO2().exp(angle * SO2().lie_algebra[0])
    assert torch.allclose(about_y(g), SO3().exp(angle * SO3().lie_algebra[1]), atol=1e-14)
    assert torch.allclose(torch.matrix_exp(rep.algebra(0.7 * SO2().lie_algebra[0])), rep.matrix(g), atol=1e-12)


def test_reps_along_a_homomorphism():
    rep = SO3().irrep(2).restrict(DoubleCover())
    assert str(rep.decompose().irreps) == "2"
    motion = SO3().vector.restrict(LinearPart(SE3()))
    g = SE3().sample(4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(motion.matrix(g), SE3().linear_part(g))
    assert rep.group == SU2()


def test_errors_of_use():
    with pytest.raises(ValueError, match=r"I is not a subgroup of O there"):
        Octahedral().vector.restrict(Icosahedral())
    with pytest.raises(ValueError, match=r"matrices of size 2, SO\(3\) of size 3: say how it lies in there"):
        SO3().vector.restrict(SO2())
    with pytest.raises(ValueError, match=r"maps into SO\(3\)"):
        O3().vector.restrict(DoubleCover())
    with pytest.raises(ValueError, match="of an infinite one the induced rep is that of fields"):
        SO2().vector.induce(SO3())
    with pytest.raises(ValueError, match="I is not a subgroup of O:"):
        Icosahedral().vector.induce(Octahedral())
    with pytest.raises(ValueError, match="orthonormal"):
        Embedding(SO2(), SO3(), torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"is \(3, 2\), got \(2, 3\)"):
        Embedding(SO2(), SO3(), torch.ones(2, 3))
    with pytest.raises(ValueError, match="a generator leaves it"):
        SO3().vector.restrict(MatrixGroup(-torch.eye(3)[None]))
