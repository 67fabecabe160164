"""rep.matrix(g) = Q irreps.matrix(g) Q^T, with multiplicities that characters give."""

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral
from intertwine.reps import Decomposition, SphericalIrrep, canonical_basis, solve_constraints
from intertwine.reps._decompose import _solved_columns


def check(rep, generator):
    Q, irreps = rep.decompose()
    g = rep.group.sample(8, generator=generator)
    assert Q.dtype == torch.float64
    assert (Q.T @ Q - torch.eye(rep.dim, dtype=torch.float64)).abs().max() <= 1e-10
    assert (Q @ irreps.matrix(g) @ Q.T - rep.matrix(g)).abs().max() <= 1e-10
    keys = [irrep.key for _, irrep in irreps.irreps]
    assert keys == sorted(set(keys))


def test_every_rep_decomposes(rep, generator):
    if rep.dim:
        check(rep, generator)
    else:
        assert rep.decompose().irreps == rep
        assert rep.decompose().matrix.shape == (0, 0)


def test_multiplicities_are_those_of_the_characters(rep):
    """For finite groups exactly: m e = <chi, chi_irrep>."""
    if not rep.group.order:
        return
    g = rep.group.elements
    found = {irrep: copies for copies, irrep in rep.decompose().irreps.irreps}
    for irrep in rep.group.irreps():
        inner = float((rep.character(g) * irrep.character(g)).mean())
        assert inner == pytest.approx(len(irrep.endomorphisms) * found.get(irrep, 0), abs=1e-10)


@pytest.mark.parametrize("group", [Cyclic(60), Dihedral(60), Cyclic(37)], ids=str)
def test_large_regular_reps_contain_each_irrep_as_often_as_its_dimension(group, generator):
    check(group.regular, generator)
    for copies, irrep in group.regular.decompose().irreps.irreps:
        assert copies * len(irrep.endomorphisms) == irrep.dim


GOLDEN = [
    (SO3(), "1", [1, 0, 1, 1, 3, 6, 15]),
    (O3(), "1o", [1, 0, 1, 0, 3, 0, 15]),
    (SO2(), "1", [1, 0, 2, 0, 6, 0, 20]),
    (O2(), "1", [1, 0, 1, 0, 3, 0, 10]),
]


@pytest.mark.parametrize(("group", "label", "dimensions"), GOLDEN, ids=lambda value: str(value))
def test_invariants_of_tensor_powers(group, label, dimensions):
    assert str(group.vector) == label
    for power, dimension in enumerate(dimensions):
        counts = {irrep: copies for copies, irrep in (group.vector**power).decompose().irreps.irreps}
        assert counts.get(group.trivial, 0) == dimension


@pytest.mark.parametrize("group", [SO3(), O3(), SO2(), O2()], ids=str)
def test_factor_by_factor_agrees_with_the_general_solver(group):
    rep = group.vector * (group.vector + group.trivial) * group.vector
    columns = _solved_columns(rep)
    solved = [irrep for irrep, _ in columns]
    Q = torch.cat([isometry for _, isometry in columns], dim=1)
    recursive = rep.decompose()
    assert sum((1 * irrep for irrep in solved), 0 * rep) == recursive.irreps
    g = group.sample(4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Q @ recursive.irreps.matrix(g) @ Q.T, rep.matrix(g), atol=1e-10)


def test_the_inertia_matrix_is_0e_1e_2e():
    Q, irreps = (O3().vector * O3().vector).decompose()
    assert str(irreps) == "1x0e + 1x1e + 1x2e"
    trace = torch.eye(3, dtype=torch.float64).flatten() / 3**0.5
    assert torch.allclose(Q[:, 0] * Q[:, 0].sum().sign(), trace, atol=1e-14)
    symmetric = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    symmetric = symmetric + symmetric.T
    assert (symmetric.flatten() @ Q[:, 1:4]).abs().max() < 1e-14


def test_irreps_in_any_order_are_sorted_and_grouped():
    rep = O3().rep("2x1o + 1x0e + 1x1o + 1x0o")
    Q, irreps = rep.decompose()
    assert str(irreps) == "1x0e + 1x0o + 3x1o"
    assert set(Q.unique().tolist()) == {0.0, 1.0}
    sorted_rep = O3().rep("8x0e + 4x1o")
    assert torch.equal(sorted_rep.decompose().matrix, torch.eye(20, dtype=torch.float64))


def test_the_cache_cannot_be_corrupted():
    rep = SO3().vector * SO3().vector
    first = rep.decompose()
    assert isinstance(first, Decomposition)
    kept = first.matrix.clone()
    first.matrix.zero_()
    assert torch.equal(rep.decompose().matrix, kept)


def test_the_cache_knows_no_modes():
    rep = Cyclic(7).vector * Cyclic(7).regular
    with torch.inference_mode(), torch.device("meta"):
        rep.decompose()
    Q = rep.decompose().matrix
    x = torch.ones(14, dtype=torch.float64, requires_grad=True)
    (Q @ x).square().sum().backward()
    assert torch.allclose(x.grad, 2 * x, atol=1e-10)


def test_a_false_representation_is_noticed():
    class Fake(SphericalIrrep):
        @property
        def irreps(self):
            return None

        @property
        def dim(self):
            return 2

        def matrix(self, g):
            return g[..., :2, :2]

        def algebra(self, X):
            return X[..., :2, :2]

    with pytest.raises(ArithmeticError, match="is it a representation of"):
        _solved_columns(Fake(SO3(), 1))


def test_canonical_basis_depends_on_the_space_alone(generator):
    space = torch.linalg.qr(torch.randn(20, 6, generator=generator, dtype=torch.float64)).Q.T
    space[:, 2] = 0
    space = torch.linalg.qr(space.T).Q.T
    mixed = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q @ space
    first, second = canonical_basis(space), canonical_basis(mixed)
    assert torch.allclose(first, second, atol=1e-12)
    assert torch.allclose(first @ first.T, torch.eye(6, dtype=torch.float64), atol=1e-13)
    assert torch.allclose(first.T @ first, space.T @ space, atol=1e-12)
    pivots = [int((row.abs() > 1e-8).nonzero()[0]) for row in first]
    assert pivots == sorted(pivots)
    assert all(row[pivot] > 0 for row, pivot in zip(first, pivots, strict=True))


def test_absurd_sizes_are_refused_at_once():
    V = SO3().vector
    with pytest.raises(ValueError, match=r"dense basis of .* would have 3.9e\+08 entries"):
        solve_constraints(V**9, V**9)
