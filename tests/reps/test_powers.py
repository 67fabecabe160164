"""Symmetric and antisymmetric powers, and Cartesian tensors with symmetries of their indices."""

from itertools import combinations, permutations
from math import comb, factorial

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3, SO3, Cyclic, Lorentz, O, Octahedral, Symmetric
from intertwine.reps import CartesianTensor, DefiningRep


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("power", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("group", [SO3(), O(4), Symmetric(4), Lorentz()], ids=str)
def test_powers_are_what_tensor_powers_do_on_their_subspace(group, power):
    V = DefiningRep(group)
    n = V.dim
    for rep, dim in [
        (V.symmetric_power(power), comb(n + power - 1, power)),
        (V.antisymmetric_power(power), comb(n, power)),
    ]:
        assert rep.dim == dim
        if power < 2:
            continue
        basis = rep.basis.flatten(0, -2)
        assert torch.allclose(basis.T @ basis, torch.eye(dim, dtype=torch.float64), atol=1e-12)
        g = group.sample(3, generator=seeded())
        assert torch.allclose((V**power).matrix(g) @ basis, basis @ rep.matrix(g), atol=1e-9)
        assert torch.allclose(rep.character(g), rep.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1), atol=1e-9)


def test_the_two_halves_of_a_square():
    for group in (SO3(), Octahedral(), Cyclic(5)):
        V = group.vector
        halves = V.symmetric_power(2) + V.antisymmetric_power(2)
        assert halves.decompose().irreps == (V * V).decompose().irreps


def test_polynomials_are_harmonics():
    assert str(SO3().vector.symmetric_power(4).decompose().irreps) == "1x0 + 1x2 + 1x4"
    assert str(O3().vector.symmetric_power(3).decompose().irreps) == "1x1o + 1x3o"
    assert str(O3().vector.antisymmetric_power(3).decompose().irreps) == "0o"


def test_duals_of_powers():
    power = Lorentz().vector.symmetric_power(2)
    assert power.dual.dual == power
    g = Lorentz().sample(3, generator=seeded())
    product = power.dual.matrix(g).mT @ power.matrix(g)
    assert torch.allclose(product, torch.eye(10, dtype=torch.float64).expand_as(product), atol=1e-9)
    assert SO3().vector.symmetric_power(2).dual == SO3().vector.symmetric_power(2)


FORMULAS = {
    "i": "1o",
    "ij": "1x0e + 1x1e + 1x2e",
    "ij=ji": "1x0e + 1x2e",
    "ij=-ji": "1e",
    "ijk": "1x0o + 3x1o + 2x2o + 1x3o",
    "ijk=jik": "2x1o + 1x2o + 1x3o",
    "ijk=jik=kij": "1x1o + 1x3o",
    "ijk=-jik=-ikj": "0o",
    "ijkl=jikl=klij": "2x0e + 2x2e + 1x4e",
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_cartesian_tensors(formula):
    tensor = CartesianTensor(O3(), formula)
    Q, irreps = tensor.change_of_basis, tensor.decompose().irreps
    assert str(irreps) == FORMULAS[formula]
    assert Q.shape == (3**tensor.rank, tensor.dim)
    assert torch.allclose(Q.T @ Q, torch.eye(tensor.dim, dtype=torch.float64), atol=1e-12)
    g = O3().sample(4, generator=seeded())
    assert ((DefiningRep(O3()) ** tensor.rank).matrix(g) @ Q - Q @ irreps.matrix(g)).abs().max() < 1e-12
    x = torch.randn(5, tensor.dim, generator=seeded(), dtype=torch.float64)
    assert torch.allclose(tensor.to_irreps(tensor.from_irreps(x)), x, atol=1e-12)


@pytest.mark.parametrize("formula", ["ij=ji", "ij=-ji", "ijk=jik", "ijkl=jikl=klij"])
def test_the_same_subspace_as_e3nn(formula):
    o3 = pytest.importorskip("e3nn.o3")
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        theirs = o3.ReducedTensorProducts(formula, **dict.fromkeys(formula.split("=")[0], "1o"))
        other, irreps = theirs.change_of_basis.flatten(1), theirs.irreps_out
    finally:
        torch.set_default_dtype(default)
    ours = CartesianTensor(O3(), formula)
    assert O3().rep(irreps).decompose().irreps == ours.decompose().irreps
    Q = ours.change_of_basis
    assert torch.allclose(Q @ Q.T, torch.linalg.pinv(other) @ other, atol=1e-10)


def test_the_inertia_matrix():
    """I = sum m (|r|^2 1 - r r^T) turns as R I R^T, which is 0e + 2e in a fixed basis."""
    masses = torch.rand(7, generator=seeded(), dtype=torch.float64)
    points = torch.randn(7, 3, generator=seeded(), dtype=torch.float64)

    def inertia(r):
        square = (masses * r.square().sum(-1)).sum() * torch.eye(3, dtype=torch.float64)
        return square - torch.einsum("n,ni,nj->ij", masses, r, r)

    rep = CartesianTensor(O3(), "ij=ji")
    Q = rep.change_of_basis
    assert Q.shape == (9, 6)
    R = O3().sample(generator=seeded())
    before, after = rep.to_irreps(inertia(points)), rep.to_irreps(inertia(points @ R.T))
    assert torch.allclose(after, O3().rep("0e + 2e").matrix(R) @ before, atol=1e-12)
    assert torch.allclose(before[0].abs(), inertia(points).trace().abs() / 3**0.5, atol=1e-12)
    assert torch.allclose(rep.from_irreps(before), inertia(points), atol=1e-12)
    skew = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]], dtype=torch.float64)
    assert rep.to_irreps(skew).abs().max() < 1e-15


def test_cartesian_tensors_of_other_groups():
    assert str(CartesianTensor(Octahedral(), "ij=ji").decompose().irreps) == "1xA1 + 1xE + 1xT2"
    elastic = CartesianTensor(Octahedral(), "ijkl=jikl=klij").decompose().irreps
    assert {str(irrep): copies for copies, irrep in elastic.irreps}["A1"] == 3  # C11, C12, C44 of cubic crystals
    assert CartesianTensor(Lorentz(), "mn=-nm").dim == 6


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("", 'cannot read the indices ""'),
        ("ii", 'cannot read the indices "ii"'),
        ("i1", 'cannot read the indices "i1"'),
        ("ij=jk", '"jk" in "ij=jk" is no permutation of "ij"'),
        ("ij=ji=-ji", "only the tensor zero"),
        (3, "cannot read"),
    ],
)
def test_formulas_that_cannot_be_read(formula, message):
    with pytest.raises(UsageError, match=message):
        CartesianTensor(O3(), formula)


def test_errors_of_use():
    with pytest.raises(ValueError, match=r"the last axes of a tensor \"ij=ji\" are \(3, 3\), got \(3,\)"):
        CartesianTensor(O3(), "ij=ji").to_irreps(torch.zeros(3))
    for power in (-1, 1.5, True):
        with pytest.raises(ValueError, match="a power is a whole number"):
            O3().vector.symmetric_power(power)


@pytest.mark.parametrize(("n", "power"), [(3, 2), (3, 3), (4, 2), (4, 3), (5, 4)])
def test_the_antisymmetric_basis_has_the_sign_of_the_permutation(n, power):
    """e_i1 ^ .. ^ e_ik, i1 < .. < ik: + in this order, the sign of the permutation in any other."""
    basis = O(n).vector.antisymmetric_power(power).basis if n > 3 else O3().vector.antisymmetric_power(power).basis
    for column, word in enumerate(combinations(range(n), power)):
        for order in permutations(range(power)):
            inversions = sum(order[i] > order[j] for i in range(power) for j in range(i + 1, power))
            entry = float(basis[(*(word[k] for k in order), column)])
            assert entry == pytest.approx((-1) ** inversions / factorial(power) ** 0.5)


def test_the_top_antisymmetric_power_is_the_determinant():
    g = O3().sample(6, generator=seeded())
    top = O3().vector.antisymmetric_power(3)
    assert torch.allclose(top.matrix(g)[:, 0, 0], torch.linalg.det(g), atol=1e-12)
    assert float(top.basis[0, 1, 2, 0]) > 0
