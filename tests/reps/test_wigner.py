"""Wigner matrices and Clebsch-Gordan coefficients against their laws, e3nn, scipy and sympy."""

import math
import subprocess
import sys

import pytest
import torch

from intertwine.groups import SO3
from intertwine.reps import wigner_3j, wigner_d, wigner_matrices


def rotations(n, seed=0):
    return SO3().sample(n, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def double_default():
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(default)


@pytest.mark.parametrize("degree", range(13))
def test_wigner_matrices_are_orthogonal_homomorphisms(degree):
    a, b = rotations(32, 1), rotations(32, 2)
    D = wigner_d(degree, a)
    assert (wigner_d(degree, a @ b) - D @ wigner_d(degree, b)).abs().max() <= 1e-12
    one = torch.eye(2 * degree + 1, dtype=torch.float64)
    assert (D @ D.mT - one).abs().max() <= 1e-12
    assert (torch.linalg.det(D) - 1).abs().max() <= 1e-12
    assert torch.allclose(wigner_d(degree, torch.eye(3, dtype=torch.float64)), one, atol=1e-14)


def test_degree_one_is_the_rotation_itself():
    R = rotations(5)
    assert torch.equal(wigner_d(1, R), R)


def test_degree_two_in_closed_form():
    def harmonics(v):
        x, y, z = v.unbind(-1)
        r = math.sqrt(3)
        return torch.stack([r * x * z, r * x * y, y * y - (x * x + z * z) / 2, r * y * z, r / 2 * (z * z - x * x)], -1)

    v = torch.randn(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    R = rotations(1)[0]
    assert torch.allclose(harmonics(v @ R.T), harmonics(v) @ wigner_d(2, R).T, atol=1e-12)


@pytest.mark.parametrize("degree", range(13))
def test_scipy_harmonics_with_polar_axis_y_turn_by_wigner(degree):
    """The page docs/conventions.md: polar angle from y, azimuth from z towards x, Condon-Shortley phase removed."""
    sph_harm_y = pytest.importorskip("scipy.special").sph_harm_y

    def harmonics(v):
        x, y, z = v.unbind(-1)
        polar, azimuth = y.clamp(-1, 1).arccos().numpy(), torch.atan2(x, z).numpy()
        rows = []
        for m in range(-degree, degree + 1):
            value = torch.as_tensor(sph_harm_y(degree, abs(m), polar, azimuth))
            part = value.imag if m < 0 else value.real
            rows.append(part * (1 if m == 0 else (-1) ** m * math.sqrt(2)))
        return torch.stack(rows, -1)

    v = torch.nn.functional.normalize(
        torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=-1
    )
    R = rotations(1, 5)[0]
    assert torch.allclose(harmonics(v @ R.T), harmonics(v) @ wigner_d(degree, R).T, atol=1e-11)


@pytest.mark.parametrize("degree", range(12))
def test_wigner_matrices_equal_those_of_e3nn(degree, double_default):
    o3 = pytest.importorskip("e3nn.o3")
    R = rotations(4, 3)
    assert torch.allclose(wigner_d(degree, R), o3.Irrep(degree, 1).D_from_matrix(R), atol=1e-10)


def test_all_degrees_at_once():
    R = rotations(6).unflatten(0, (2, 3))
    matrices = wigner_matrices(4, R)
    assert [m.shape[-1] for m in matrices] == [1, 3, 5, 7, 9]
    assert all(torch.equal(m, wigner_d(degree, R)) for degree, m in enumerate(matrices))
    assert len(wigner_matrices(0, R)) == 1


@pytest.mark.parametrize("degree", [1, 2, 5, 8])
@pytest.mark.parametrize("diagonal", [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
def test_gradients_are_finite_and_right_at_the_identity_and_at_half_turns(degree, diagonal):
    base = torch.diag(torch.tensor(diagonal, dtype=torch.float64))

    def turned(coordinates):
        return wigner_d(degree, base @ torch.matrix_exp(torch.einsum("d,dij->ij", coordinates, SO3().lie_algebra)))

    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(turned, zero)
    assert jacobian.isfinite().all()
    expected = torch.einsum("ij,djk->ikd", wigner_d(degree, base), SO3().irrep(degree).generators)
    assert torch.allclose(jacobian, expected, atol=1e-11)


def test_generators_satisfy_the_commutation_relations():
    for degree in range(9):
        x, y, z = SO3().irrep(degree).generators
        assert torch.allclose(x @ y - y @ x, z, atol=1e-12)
        casimir = -(x @ x + y @ y + z @ z)
        one = torch.eye(2 * degree + 1, dtype=torch.float64)
        assert torch.allclose(casimir, degree * (degree + 1) * one, atol=1e-11)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"\(\.\.\., 3, 3\) matrices, got shape \(2, 2\)"):
        wigner_d(1, torch.eye(2))
    with pytest.raises(ValueError, match="at least 0, got -1"):
        wigner_d(-1, torch.eye(3))
    with pytest.raises(ValueError, match="triangle"):
        wigner_3j(1, 1, 3)
    with pytest.raises(ValueError, match="triangle"):
        wigner_3j(-1, 1, 1)


TRIPLES = [(a, b, c) for a in range(7) for b in range(7) for c in range(abs(a - b), min(a + b, 6) + 1)]


def test_the_3j_tensor_is_invariant_and_normalized():
    D = wigner_matrices(6, rotations(1, 7)[0])
    for a, b, c in TRIPLES:
        w = wigner_3j(a, b, c)
        assert w.norm() == pytest.approx(1, abs=1e-14)
        turned = torch.einsum("ijk,li,mj,nk->lmn", w, D[a], D[b], D[c])
        assert (turned - w).abs().max() <= 1e-13


def test_a_generic_tensor_is_not_invariant():
    D = wigner_d(1, rotations(1, 7)[0])
    w = torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (torch.einsum("ijk,li,mj,nk->lmn", w, D, D, D) - w).abs().max() > 0.1


def test_3j_tensors_equal_those_of_e3nn(double_default):
    o3 = pytest.importorskip("e3nn.o3")
    for a, b, c in [*TRIPLES, (11, 1, 10), (8, 7, 11), (11, 11, 11)]:
        assert torch.allclose(wigner_3j(a, b, c), o3.wigner_3j(a, b, c, dtype=torch.float64), atol=1e-10), (a, b, c)


def test_3j_tensors_resolve_the_identity():
    for a, b in [(1, 1), (2, 3), (4, 4)]:
        degrees = range(abs(a - b), a + b + 1)
        q = torch.cat([wigner_3j(a, b, c).flatten(0, 1) * math.sqrt(2 * c + 1) for c in degrees], dim=1)
        assert torch.allclose(q.T @ q, torch.eye(len(q), dtype=torch.float64), atol=1e-13)


def test_complex_coefficients_equal_those_of_sympy():
    cg = pytest.importorskip("sympy.physics.quantum.cg").CG
    from intertwine.reps.solve._clebsch_gordan import _complex_coefficient

    for a, b, c in [(1, 1, 0), (1, 1, 1), (1, 2, 2), (2, 2, 3), (3, 2, 1), (3, 3, 3)]:
        for m in range(-a, a + 1):
            for n in range(max(-b, -c - m), min(b, c - m) + 1):
                exact = float(cg(a, m, b, n, c, m + n).doit())
                assert _complex_coefficient(a, m, b, n, c, m + n) == pytest.approx(exact, abs=1e-15)


def test_the_cross_product():
    cross = wigner_3j(1, 1, 1) * math.sqrt(6)
    e = torch.eye(3, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            assert torch.allclose(cross[i, j], torch.linalg.cross(e[i], e[j]), atol=1e-14)


def test_constants_cannot_be_corrupted():
    wigner_3j(1, 1, 2).zero_()
    assert wigner_3j(1, 1, 2).norm() == pytest.approx(1)
    SO3().irrep(3).generators.zero_()
    assert SO3().irrep(3).generators.norm() > 1


def test_nothing_depends_on_the_default_dtype():
    """Finding F1 about e3nn: constants cast by the global dtype. A fresh process each, for the caches."""
    code = """
import hashlib, sys, torch
torch.set_default_dtype(getattr(torch, sys.argv[1]))
from intertwine.groups import *
from intertwine.reps import *
from intertwine.hom import intertwiners
digest = hashlib.sha256()
for G in (SO2(), O2(), SO3(), O3(), Cyclic(6), Dihedral(4)):
    g = G.sample(3, generator=torch.Generator().manual_seed(0))
    V = G.vector
    found = [g, G.lie_algebra, G.discrete_generators, G.identity, (V * V).matrix(g), (V * V).algebra(g)]
    found += [irrep.matrix(g) for _, irrep in zip(range(8), G.irreps())]
    found += [irrep.matrix(g.float()) for _, irrep in zip(range(8), G.irreps())]
    found += [(V ** 3).decompose().matrix, intertwiners(V * V, V + G.trivial), solve_constraints(V, V * V)]
    for tensor in found:
        digest.update(str(tensor.dtype).encode() + tensor.contiguous().numpy().tobytes())
D = wigner_matrices(12, SO3().sample(generator=torch.Generator().manual_seed(1)))
for tensor in D:
    digest.update(tensor.contiguous().numpy().tobytes())
print(digest.hexdigest())
"""
    digests = [
        subprocess.run([sys.executable, "-c", code, dtype], capture_output=True, text=True, check=True).stdout
        for dtype in ("float32", "float64")
    ]
    assert len(digests[0].strip()) == 64
    assert digests[0] == digests[1]
