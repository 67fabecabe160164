"""SU(2), S_n, products, and compact groups whose irreps nobody has listed."""

import pytest
import torch

from intertwine.groups import (
    SE2,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    DoubleCover,
    FullLorentz,
    Lorentz,
    MatrixGroup,
    O,
    Octahedral,
    Scaling,
    Sp,
    Symmetric,
)
from intertwine.reps import DefiningRep, NumericalIrrep, equivalence, irrep_table, solve_constraints, unitarize


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def check(rep):
    Q, irreps = rep.decompose()
    g = rep.group.sample(6, generator=seeded())
    assert (Q.T @ Q - torch.eye(rep.dim, dtype=torch.float64)).abs().max() <= 1e-10
    assert (Q @ irreps.matrix(g) @ Q.T - rep.matrix(g)).abs().max() <= 1e-10
    return irreps


def sizes(irreps):
    return sorted((irrep.dim, copies) for copies, irrep in irreps.irreps)


@pytest.mark.parametrize("twice", range(8))
def test_spins(twice):
    spin = SU2().irrep(f"{twice}/2" if twice % 2 else twice // 2)
    g, h = SU2().sample(8, generator=seeded(1)), SU2().sample(8, generator=seeded(2))
    assert torch.allclose(spin.matrix(g @ h), spin.matrix(g) @ spin.matrix(h), atol=1e-12)
    assert torch.allclose(spin.matrix(-g), (-1) ** twice * spin.matrix(g), atol=1e-12)
    angle = SO3().coordinates(SO3().log(DoubleCover()(g))).norm(dim=-1)
    character = ((twice + 1) * angle / 2).sin() / (angle / 2).sin() * (2 if twice % 2 else 1)
    sign = torch.where(g[:, 0, 0] < 0, (-1.0) ** twice, 1.0)
    assert torch.allclose(spin.character(g), sign * character, atol=1e-10)
    assert spin.kind == ("quaternionic" if twice % 2 else "real")
    assert len(solve_constraints(spin, spin)) == len(spin.endomorphisms)


def test_products_of_spins():
    half, one = SU2().vector, SU2().irrep(1)
    assert str(check(half * half)) == "4x0 + 4x1"
    assert str(check(half * one)) == "1x1/2 + 1x3/2"
    assert str(check(half.symmetric_power(2))) == "1x0 + 3x1"
    assert [str(SU2().irrep(text)) for text in ("3/2", 2)] == ["3/2", "2"]
    with pytest.raises(ValueError, match='spins 0, "1/2"'):
        SU2().irrep("2/2")


def test_products_of_whole_spins_are_those_of_rotations():
    two, three = SU2().irrep(2), SU2().irrep(3)
    assert str(check(two * three)) == "1x1 + 1x2 + 1x3 + 1x4 + 1x5"
    Q, irreps = irrep_table(SU2()).product(two, three)
    assert str(irreps) == "1x1 + 1x2 + 1x3 + 1x4 + 1x5"
    rotations = irrep_table(SO3())
    assert torch.equal(Q, rotations.product(rotations.irrep(2), rotations.irrep(3))[0])
    assert irrep_table(SU2()).product(two, SU2().vector) is None
    assert irrep_table(SU2()).product(SU2().vector, SU2().vector) is None


def test_permutations_of_many_things_need_no_list():
    group = Symmetric(10)
    assert str(check(group.vector)) == "1x[10] + 1x[9,1]"
    assert str(check(group.vector**2)) == "2x[10] + 3x[9,1] + 1x[8,2] + 1x[8,1,1]"
    sign = group.irrep(*[1] * 10)
    g = group.sample(16, generator=seeded())
    assert torch.allclose(sign.matrix(g)[:, 0, 0], torch.linalg.det(g), atol=1e-12)
    irrep = group.irrep("[8,2]")
    h = group.sample(16, generator=seeded(1))
    assert irrep.dim == 35
    assert torch.allclose(irrep.matrix(g @ h), irrep.matrix(g) @ irrep.matrix(h), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_young_elements_single_out_the_same_maps_as_constraints(n):
    group = Symmetric(n)
    rep = group.vector**2
    assert sum(irrep.dim**2 for irrep in group.irreps()) == group.order
    for irrep in group.irreps():
        young, solved = irrep_table(group).maps(irrep, rep), solve_constraints(irrep, rep)
        assert young.shape == solved.shape
        assert torch.allclose(young, solved, atol=1e-10)


def test_products_of_groups():
    G = SO3() * SO2()
    assert str(check(G.vector)) == "1x(0,1) + 1x(1,0)"
    plane = SO2() * SO2()
    halves = check(plane.irrep("(1,0)") * plane.irrep("(0,2)"))
    assert str(halves) == "1x(1,2)+ + 1x(1,2)-"
    assert {irrep.kind for _, irrep in halves.irreps} == {"complex"}
    H = SU2() * SU2()
    assert H.irrep("(1/2,1/2)").dim == 4  # SO(4): four real dimensions, not sixteen
    assert H.irrep("(1/2,1/2)").kind == "real"
    assert H.irrep("(1/2,1)").kind == "quaternionic"
    assert str(check(SO2().irrep(1) * SO2().irrep(1))) == "2x0 + 1x2"


@pytest.mark.parametrize(
    ("group", "square", "cube"),
    [
        (SO(4), [(1, 1), (3, 1), (3, 1), (9, 1)], [(4, 4), (8, 2), (8, 2), (16, 1)]),
        (O(4), [(1, 1), (6, 1), (9, 1)], [(4, 1), (4, 3), (16, 1), (16, 2)]),
        (SO(5), [(1, 1), (10, 1), (14, 1)], [(5, 3), (10, 1), (30, 1), (35, 2)]),
    ],
    ids=str,
)
def test_rotations_of_more_dimensions(group, square, cube):
    V = group.vector
    assert sizes(check(V**2)) == square
    assert sizes(check(V**3)) == cube
    assert check(V).terms[0][1].kind == "real" if hasattr(check(V), "terms") else check(V).kind == "real"
    assert group.adjoint.orthogonal
    check(group.adjoint)


def test_components_are_irreps():
    V = SO(4).vector
    irreps = (V**3).decompose().irreps
    for copies, irrep in irreps.irreps:
        assert isinstance(irrep, NumericalIrrep)
        assert eval(repr(irrep), {"NumericalIrrep": NumericalIrrep, "SO": SO}) == irrep
        assert len(solve_constraints(irrep, irrep)) == len(irrep.endomorphisms) == 1
        assert copies >= 1
    first, second = (irrep for _, irrep in irreps.irreps if irrep.dim == 8)
    assert equivalence(first, second) is None
    assert irreps.decompose().irreps == irreps


def test_components_of_the_complex_kind():
    turns = MatrixGroup(algebra=SO3().lie_algebra[2:], title="turns about z")
    irreps = check(turns.vector * turns.vector)
    assert sizes(irreps) == [(1, 3), (2, 1), (2, 2)]
    assert [irrep.kind for _, irrep in irreps.irreps] == ["real", "complex", "complex"]
    for _, irrep in irreps.irreps:
        assert len(irrep.endomorphisms) == len(solve_constraints(irrep, irrep))


def test_any_basis_of_the_lie_algebra_will_do():
    skewed = torch.tensor([[1, 0, 0], [2, 0.5, 0], [-1, 3, 1]], dtype=torch.float64)
    group = MatrixGroup(algebra=torch.einsum("kd,dij->kij", skewed, SO3().lie_algebra), title="turns")
    assert sizes(check(group.vector**2)) == [(1, 1), (3, 1), (5, 1)]
    assert sizes(check(group.vector**3)) == [(1, 1), (3, 3), (5, 2), (7, 1)]


def test_components_of_the_quaternionic_kind():
    left = MatrixGroup(algebra=SU2().lie_algebra, title="unit quaternions")
    irrep = check(left.vector)
    assert irrep.kind == "quaternionic"
    E = irrep.endomorphisms
    g = irrep.matrix(left.sample(4, generator=seeded()))
    assert torch.allclose(g[:, None] @ E, E @ g[:, None], atol=1e-10)


def test_what_is_not_semisimple_is_refused_with_a_reason():
    shears = MatrixGroup([[[1, 1], [0, 1]]], title="shears")
    for rep in (shears.vector, SE2().vector):
        with pytest.raises(ValueError, match=r"is not compact, .* need not be a sum of irreps at all: the shears"):
            rep.decompose()


def test_a_semisimple_group_in_another_basis_is_refused_with_another_reason():
    change = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    skew = MatrixGroup(algebra=change @ SL(2).lie_algebra @ torch.linalg.inv(change), title="skew")
    for rep in (skew.vector, SL(2).adjoint):  # the group, or only the basis of the Lie algebra
        with pytest.raises(ValueError, match=r"it is a sum of irreps, .* but not by an orthogonal change of basis"):
            rep.decompose()


@pytest.mark.parametrize("group", [Lorentz(), SL(3), SE2()], ids=str)
def test_the_dual_of_the_algebra_is_the_derivative_of_the_dual(group):
    X = 0.3 * group.lie_algebra
    rep = group.vector.dual
    assert torch.allclose(torch.linalg.matrix_exp(rep.algebra(X)), rep.matrix(torch.linalg.matrix_exp(X)), atol=1e-12)


def test_minus_one_copy_is_refused():
    with pytest.raises(ValueError, match="the number of copies is at least 0, got -1"):
        -1 * SO3().vector


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Lorentz(), [(1, 1, "real"), (1, 6, "complex"), (1, 9, "real")]),  # metric, (1, 0) + (0, 1), (1, 1)
        (FullLorentz(), [(1, 1, "real"), (1, 6, "real"), (1, 9, "real")]),
        (SL(2), [(1, 1, "real"), (1, 3, "real")]),
        (SL(3), [(1, 3, "real"), (1, 6, "real")]),
        (Sp(4), [(1, 1, "real"), (1, 5, "real"), (1, 10, "real")]),
        (Scaling(2), [(4, 1, "real")]),
    ],
    ids=str,
)
def test_groups_closed_under_transposition_are_decomposed(group, expected):
    V = group.vector
    g = group.sample(8, generator=seeded())
    for rep in (V, V * V, V.dual + 2 * group.trivial):
        Q, irreps = rep.decompose()
        assert torch.allclose(Q.T @ Q, torch.eye(rep.dim, dtype=torch.float64), atol=1e-12)
        matrices = rep.matrix(g)
        scale = float(matrices.abs().max())
        assert float((matrices - Q @ irreps.matrix(g) @ Q.T).abs().max()) <= 1e-10 * scale
    found = sorted((copies, irrep.dim, irrep.kind) for copies, irrep in (V * V).decompose().irreps.irreps)
    assert found == expected
    assert all(
        irrep.orthogonal == (irrep == group.trivial) for _, irrep in (V * V + group.trivial).decompose().irreps.irreps
    )


@pytest.mark.parametrize(
    ("group", "dimensions"), [(Lorentz(), [1, 0, 1, 0, 4]), (FullLorentz(), [1, 0, 1, 0, 3])], ids=str
)
def test_invariants_of_space_time(group, dimensions):
    """The metric in two factors; three pairings in four, and the volume form where orientation counts."""
    found = [len(solve_constraints(group.trivial, group.vector**power)) for power in range(5)]
    assert found == dimensions


@pytest.mark.parametrize(("group", "dimensions"), [(SO(4), [1, 0, 1, 0, 4]), (O(4), [1, 0, 1, 0, 3])], ids=str)
def test_invariants_of_rotations_of_four_dimensions(group, dimensions):
    for power, dimension in enumerate(dimensions):
        found = {str(irrep): copies for copies, irrep in check(group.vector**power).irreps} if power < 4 else None
        if found is None:
            assert len(solve_constraints(group.trivial, group.vector**power)) == dimension
        else:
            assert found.get("trivial", 0) == dimension


def test_equivalence():
    G = SO3()
    cross = equivalence(G.vector.antisymmetric_power(2), G.vector)
    g = G.sample(5, generator=seeded())
    second, first = G.vector.matrix(g), G.vector.antisymmetric_power(2).matrix(g)
    assert torch.allclose(second, torch.linalg.inv(cross) @ first @ cross, atol=1e-12)
    assert torch.allclose(cross.T @ cross, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert equivalence(G.irrep(1), G.rep("3x0")) is None
    assert equivalence(G.irrep(1), G.irrep(2)) is None
    assert equivalence(G.rep("2x1 + 0"), G.rep("1 + 0 + 1")) is not None
    V = Lorentz().vector
    lower = equivalence(V.dual, V)
    g = Lorentz().sample(3, generator=seeded())
    assert torch.allclose(V.matrix(g), torch.linalg.inv(lower) @ V.dual.matrix(g) @ lower, atol=1e-8)
    with pytest.raises(ValueError, match="reps of one group"):
        equivalence(G.vector, Octahedral().vector)


def test_a_rep_in_an_oblique_basis_is_made_orthogonal():
    hexagonal = MatrixGroup([[[1, -1], [1, 0]], [[0, 1], [1, 0]]], title="D_6 in a lattice basis")
    assert hexagonal.order == 12
    V = hexagonal.vector
    with pytest.raises(ValueError, match="unitarize"):
        V.decompose()
    mended = unitarize(V)
    assert isinstance(V, DefiningRep)
    assert mended.orthogonal
    g = hexagonal.elements
    assert torch.allclose(mended.change @ V.matrix(g) @ torch.linalg.inv(mended.change), mended.matrix(g), atol=1e-12)
    assert torch.allclose(mended.character(g), V.character(g), atol=1e-12)
    check(mended)
    assert mended.dual == mended
    with pytest.raises(ValueError, match="infinite"):
        unitarize(Lorentz().vector)


def test_the_adjoint_rep():
    assert torch.allclose(SO3().adjoint.matrix(SO3().identity), torch.eye(3, dtype=torch.float64))
    g = SO3().sample(4, generator=seeded())
    assert torch.allclose(SO3().adjoint.matrix(g), g, atol=1e-14)  # infinitesimal rotations are vectors
    for group in (SL(2), Lorentz(), SU2()):
        g, X = group.sample(4, generator=seeded()), 0.3 * group.lie_algebra.sum(0)
        ad = group.adjoint
        moved = g @ X @ group.inverse(g)
        assert torch.allclose(group.hat(ad.matrix(g) @ group.coordinates(X)), moved, atol=1e-9)
        assert torch.allclose(torch.matrix_exp(ad.algebra(X)), ad.matrix(group.exp(X)), atol=1e-10)
    assert not Lorentz().adjoint.orthogonal
