"""The matrix-free solver: golden ranks, the dense solution beside it, a certificate that notices what is wrong."""

import math

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
    FullLorentz,
    Icosahedral,
    Lorentz,
    MatrixGroup,
    Octahedral,
    Scaling,
    Sp,
    Symmetric,
    Tetrahedral,
)
from intertwine.hom import Count, character_count, hom_dimension, intertwiners
from intertwine.hom._null_space import count_and_solve, null_space
from intertwine.hom.characters import _count as counts
from intertwine.reps import Generators, solve_constraints
from intertwine.reps.solve import Expected, discrete_constraints
from intertwine.reps.solve import _constraints as solver
from intertwine.reps.solve._generators import lie_constraints
from intertwine.reps.solve._projection import null_space as projected_null_space
from intertwine.reps.solve._projection import project
from intertwine.reps.solve._rank import count_zeros

INVARIANTS = [
    (SO3(), [1, 0, 1, 1, 3, 6, 15, 36]),
    (O3(), [1, 0, 1, 0, 3, 0, 15, 0]),
    (SO2(), [1, 0, 2, 0, 6, 0, 20]),
    (O2(), [1, 0, 1, 0, 3, 0, 10]),
    (Symmetric(6), [1, 1, 2, 5, 15, 52]),
    (Lorentz(), [1, 0, 1, 0, 4]),
    (FullLorentz(), [1, 0, 1, 0, 3]),
    (SU2(), [1, 0, 4, 0, 32]),
    (SL(2), [1, 0, 1, 0, 2, 0, 5]),
    (Sp(4), [1, 0, 1, 0, 3]),
    (SO(4), [1, 0, 1, 0, 4]),
    (Tetrahedral(), [1, 0, 1, 2, 7, 20]),
    (Octahedral(), [1, 0, 1, 1, 4, 10]),
    (Icosahedral(), [1, 0, 1, 1, 3, 6]),
]


def residual(rep_in, rep_out, basis):
    generators = Generators.of(rep_in.group)
    vectors = basis.flatten(1).T
    constraints = lie_constraints(rep_in, rep_out, generators.algebra)
    constraints += discrete_constraints(rep_in, rep_out, generators.discrete)
    return max(float(constraint(vectors).abs().max()) for constraint in constraints) if len(basis) else 0.0


def is_orthonormal(basis):
    gram = basis.flatten(1) @ basis.flatten(1).T
    return torch.allclose(gram, torch.eye(len(basis), dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("group", "dimensions"), INVARIANTS, ids=str)
def test_invariants_of_tensor_powers(group, dimensions):
    for power, dimension in enumerate(dimensions):
        space = group.vector**power
        basis, count = count_and_solve(group.trivial, space, Generators.of(group))
        assert len(basis) == dimension
        assert count is not None
        assert count.dimension == dimension
        assert is_orthonormal(basis)
        assert residual(group.trivial, space, basis) <= 1e-10


def test_goldens_of_the_constraint_solver():
    V = Symmetric(10).vector
    assert [hom_dimension(V, V), hom_dimension(V * V, V), hom_dimension(V * V, V * V)] == [2, 5, 15]
    for group, dimension in ((Lorentz(), 4), (FullLorentz(), 3)):
        V = group.vector
        basis = intertwiners(V, V * V * V.dual)
        assert len(basis) == dimension
        assert residual(V, V * V * V.dual, basis) <= 1e-10
    assert len(null_space(SO2().vector, SO2().vector)) == 2


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "dimension"),
    [
        (SO3().trivial, SO3().vector ** 7, 36),
        (Symmetric(10).vector ** 2, Symmetric(10).vector ** 2, 15),
    ],
    ids=str,
)
def test_large_spaces_never_meet_a_dense_constraint(rep_in, rep_out, dimension):
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    with Watch():
        basis, count = count_and_solve(rep_in, rep_out, Generators.of(rep_in.group))
    unknowns = rep_in.dim * rep_out.dim
    assert len(basis) == count.dimension == dimension
    assert is_orthonormal(basis)
    assert residual(rep_in, rep_out, basis) <= 1e-10
    assert largest < 60 * unknowns  # the square of the unknowns is 2,187 or 10,000 times as many


def dense_pairs():
    for group in (SO3(), O3(), O2(), Lorentz(), SL(2), SU2(), Tetrahedral(), MatrixGroup([[[0, -1], [1, -1]]])):
        V = group.vector
        yield V, V
        yield V * V, V
        yield V, V * V.dual
    for rep in (SO(4).vector ** 2, Octahedral().vector ** 2, SO3().vector ** 2 + SO3().vector):
        yield rep, rep
    yield SE2().vector, SE2().vector * SE2().vector
    yield Scaling(2).vector, Scaling(2).vector


@pytest.mark.parametrize(("rep_in", "rep_out"), list(dense_pairs()), ids=str)
def test_the_dense_null_space_is_the_same(rep_in, rep_out, dense_null_space):
    slow, fast = dense_null_space(rep_in, rep_out), count_and_solve(rep_in, rep_out, Generators.of(rep_in.group))[0]
    assert slow.shape == fast.shape
    assert torch.allclose(slow, fast, rtol=0, atol=1e-9)  # both in echelon form, hence equal


def test_the_same_basis_every_time_and_whatever_the_units():
    V = SO3().vector
    first = null_space(V**2, V**2)
    assert torch.equal(first, null_space(V**2, V**2))
    turned = MatrixGroup(algebra=1e5 * SO3().lie_algebra)
    W = turned.vector
    assert torch.allclose(first, null_space(W**2, W**2), atol=1e-10)


def test_projection_is_the_projection(dense_null_space):
    V = SO3().vector
    constraints = lie_constraints(V, V**3, Generators.of(SO3()).algebra)
    z = torch.randn(81, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = dense_null_space(V, V**3).flatten(1)
    assert torch.allclose(project(constraints, z), basis.T @ (basis @ z), atol=1e-12)


def test_the_rank_is_found_without_characters_too():
    V = SO3().vector
    constraints = lie_constraints(V**3, V**3, Generators.of(SO3()).algebra)
    assert len(projected_null_space(constraints, 27**2, None, "V^6")) == 15
    constraints = lie_constraints(V**3, V**4, Generators.of(SO3()).algebra)
    assert len(projected_null_space(constraints, 27 * 81, None, "V^7")) == 36  # more than the first guess of 24


def test_the_rank_must_be_clear():
    assert count_zeros(torch.tensor([0.0, 1e-16, 0.5, 1.0], dtype=torch.float64), "") == 2
    assert count_zeros(torch.tensor([0.1, 0.5], dtype=torch.float64), "") == 0
    with pytest.raises(ArithmeticError, match=r"rank of the constraints of V is not clear: 5.0e-08 is neither"):
        count_zeros(torch.tensor([5e-11, 5e-8, 1.0], dtype=torch.float64), "V")


@pytest.mark.parametrize("wrong", [0, 2, 4])
def test_a_rank_that_characters_deny_is_an_error(wrong, monkeypatch):
    V = SO3().vector
    monkeypatch.setattr(counts, "lie_count", lambda *_: Count(wrong, "weights"))
    with pytest.raises(ArithmeticError, match=f"characters count {wrong}"):
        null_space(V * V, V * V)
    monkeypatch.setattr(counts, "discrete_count", lambda *_: Count(wrong, "characters"))
    with pytest.raises(ArithmeticError, match=f"characters count {wrong}"):
        null_space(Symmetric(4).vector, Symmetric(4).vector * Symmetric(4).vector)


def test_a_wrong_solution_breaks_a_constraint(monkeypatch):
    V = SO3().vector
    monkeypatch.setattr(solver, "canonical_basis", lambda basis: basis + 1e-6)
    with pytest.raises(ArithmeticError, match="breaks a constraint by"):
        null_space(V * V, V * V)


def test_the_expected_rank_is_optional_and_binding():
    V = O3().vector
    assert len(solve_constraints(V, V**3)) == 3
    assert len(solve_constraints(V, V**3, expected=Expected(connected=3, total=3))) == 3
    for expected in (Expected(total=2), Expected(connected=2)):
        with pytest.raises(ArithmeticError, match="characters count 2"):
            solve_constraints(V, V**3, expected=expected)


def test_groups_that_are_not_reductive_are_solved_without_a_certificate():
    V = SE2().vector
    assert character_count(V, V) is None
    basis, count = count_and_solve(V, V * V, Generators.of(SE2()))
    assert count is None
    assert residual(V, V * V, basis) <= 1e-10
    assert len(intertwiners(V, V * V)) == len(basis)
    with pytest.raises(ValueError, match=r"no characters to count the maps"):
        hom_dimension(V, V * V)  # counting never solves


def test_sums_are_solved_term_by_term():
    V = Lorentz().vector
    rep_in, rep_out = 2 * V + V * V, V + 3 * (V * V)
    basis = intertwiners(rep_in, rep_out)
    assert len(basis) == hom_dimension(rep_in, rep_out) == 2 * 1 + 3 * 4
    assert is_orthonormal(basis)
    g = Lorentz().sample(4, generator=torch.Generator().manual_seed(0))
    left, right = rep_out.matrix(g)[:, None] @ basis, basis @ rep_in.matrix(g)[:, None]
    assert torch.allclose(left, right, rtol=1e-9, atol=1e-9)


def test_too_large_a_basis_is_refused_before_it_is_solved():
    with pytest.raises(ValueError, match=r"dense basis of .* would have"):
        intertwiners(SO3().vector ** 9, SO3().vector ** 9)
    with pytest.raises(ValueError, match=r"dense basis of .* would have"):
        intertwiners(O3().vector ** 9, O3().vector ** 8)


def test_the_rank_of_either_step_must_be_clear():
    """Zero is at most 1e-9, nonzero more than 1e-6: anything between is refused, also in the second step."""
    for value in (1.1e-9, 1e-7, 1e-6):
        with pytest.raises(ArithmeticError, match="is not clear"):
            count_zeros(torch.tensor([0.0, value, 1.0], dtype=torch.float64), "V")
    for value, zeros in ((1e-9, 2), (1.1e-6, 1)):
        assert count_zeros(torch.tensor([0.0, value, 1.0], dtype=torch.float64), "V") == zeros
    with pytest.raises(ArithmeticError, match="is not clear"):
        count_zeros(torch.tensor([0.0, math.nan], dtype=torch.float64), "V")


def nearly(epsilon):
    """diag(1, e^epsilon): whether it fixes the second coordinate is a matter of rounding."""
    return MatrixGroup(torch.tensor([[[1.0, 0.0], [0.0, 1.0 + epsilon]]], dtype=torch.float64), title="nearly")


def test_generators_that_nearly_fix_something_are_refused():
    """Random projections: the generator is not orthogonal, so no orbits decide."""
    change = torch.tensor([[1.0, 0.3], [0.2, 1.0]], dtype=torch.float64)
    back = torch.linalg.inv(change)
    group = MatrixGroup(change @ nearly(1e-7).discrete_generators @ back, title="nearly")
    with pytest.raises(ArithmeticError, match=r"is not clear|did not converge|breaks a constraint"):
        solve_constraints(group.trivial, group.vector)


def test_components_that_nearly_fix_something_are_refused():
    """The second step: invariants of the identity component under a discrete generator."""
    spin = torch.zeros(1, 4, 4, dtype=torch.float64)
    spin[0, 0, 1], spin[0, 1, 0] = -1, 1
    flip = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0 + 2e-4], dtype=torch.float64))  # the Gram matrix has 4e-8
    group = MatrixGroup(flip[None], spin, title="nearly")
    with pytest.raises(ArithmeticError, match="is not clear"):
        solve_constraints(group.trivial, group.vector)
    clear = MatrixGroup(torch.diag(torch.tensor([1.0, 1.0, 1.0, -1.0]).double())[None], spin, title="clear")
    assert len(solve_constraints(clear.trivial, clear.vector)) == 1
