"""Fourier transforms on groups: inversion, Plancherel, convolution, translation; fast sums beside obvious ones."""

import pytest
import torch

from intertwine.groups import SO3, Cyclic, Icosahedral, Octahedral, Symmetric, Tetrahedral
from intertwine.reps import FiniteFourier, SO3Fourier

FINITE = [Cyclic(6), Tetrahedral(), Octahedral(), Symmetric(4), Icosahedral()]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def weight(irrep):
    return irrep.dim / len(irrep.endomorphisms)


@pytest.mark.parametrize("group", FINITE, ids=str)
def test_finite_inversion_and_plancherel(group):
    transform = FiniteFourier(group)
    f = torch.randn(2, group.order, generator=seeded(), dtype=torch.float64)
    F = transform.forward(f)
    assert torch.allclose(transform.inverse(F), f, atol=1e-12)
    energy = sum(weight(irrep) * matrix.square().sum((-2, -1)) for irrep, matrix in F.items())
    assert torch.allclose(energy, f.square().mean(-1), atol=1e-12)
    assert transform.forward(f.float())[group.trivial].dtype == torch.float32


@pytest.mark.parametrize("group", FINITE, ids=str)
def test_finite_convolution_and_translation(group):
    transform = FiniteFourier(group)
    f, h = torch.randn(2, group.order, generator=seeded(), dtype=torch.float64)
    table, inverse = group.multiplication_table, group.inverses
    product = (f[:, None] * h[table[inverse]]).mean(0)  # mean over k of f(k) h(k^-1 g)
    F, H, P = (transform.forward(each) for each in (f, h, product))
    k = 2
    moved = transform.forward(f[table[inverse[k]]])  # g -> f(k^-1 g)
    for irrep in F:
        assert torch.allclose(P[irrep], H[irrep] @ F[irrep], atol=1e-12)
        assert torch.allclose(moved[irrep], F[irrep] @ irrep.matrix(group.elements[k]).mT, atol=1e-12)


@pytest.mark.parametrize("bandlimit", [0, 1, 5, 16])
def test_inversion_on_rotations(bandlimit):
    transform = SO3Fourier(bandlimit)
    f = {D: torch.randn(2, D.dim, D.dim, generator=seeded(), dtype=torch.float64) / D.dim for D in transform.irreps}
    values = transform.inverse(f)
    assert values.shape == (2, len(transform.weights))
    back = transform.forward(values)
    assert max(float((back[D] - f[D]).abs().max()) for D in f) <= 1e-10
    assert (transform.inverse(back) - values).abs().max() <= 1e-10
    energy = sum(D.dim * matrix.square().sum((-2, -1)) for D, matrix in f.items())
    assert torch.allclose((transform.weights * values.square()).sum(-1), energy, atol=1e-10)


def test_the_fast_sums_equal_the_obvious_ones():
    transform = SO3Fourier(4)
    values = torch.randn(len(transform.nodes), generator=seeded(), dtype=torch.float64)
    F = transform.forward(values)
    for D in transform.irreps:
        slow = torch.einsum("n,nji->ij", transform.weights * values, D.matrix(transform.nodes))
        assert torch.allclose(F[D], slow, atol=1e-13)
    assert torch.allclose(transform.evaluate(F, transform.nodes), transform.inverse(F), atol=1e-11)
    assert transform.weights.sum() == pytest.approx(1, abs=1e-14)
    assert SO3().contains(transform.nodes, 1e-12).all()


def test_known_functions():
    transform = SO3Fourier(3)
    R = transform.nodes
    F = transform.forward(R[:, 0, 1])  # one matrix entry is of degree one
    one = SO3().irrep(1)
    assert F[one][1, 0] == pytest.approx(1 / 3)
    assert sum(float(matrix.abs().sum()) for matrix in F.values()) == pytest.approx(1 / 3)
    trace = transform.forward(SO3().irrep(2).character(R))
    assert torch.allclose(trace[SO3().irrep(2)], torch.eye(5, dtype=torch.float64) / 5, atol=1e-13)


def test_translation_of_a_function_on_rotations():
    transform = SO3Fourier(4)
    f = {D: torch.randn(D.dim, D.dim, generator=seeded(), dtype=torch.float64) for D in transform.irreps}
    k = SO3().sample(generator=seeded(1))
    moved = transform.forward(transform.evaluate(f, k.T @ transform.nodes))
    for D in f:
        assert torch.allclose(moved[D], f[D] @ D.matrix(k).T, atol=1e-11)


def test_gradients_and_dtypes():
    transform = SO3Fourier(2)
    values = torch.randn(3, len(transform.weights), generator=seeded(), requires_grad=True)
    back = transform.inverse(transform.forward(values))
    assert back.dtype == torch.float32
    back.square().sum().backward()
    assert values.grad.isfinite().all()
    partial = {SO3().irrep(1): torch.eye(3, dtype=torch.float64)}
    assert torch.allclose(transform.inverse(partial), transform.evaluate(partial, transform.nodes), atol=1e-12)


def test_errors_of_use():
    with pytest.raises(ValueError, match=r"values at the 24 nodes are \(\.\.\., 24\), got shape \(23,\)"):
        FiniteFourier(Octahedral()).forward(torch.zeros(23))
    with pytest.raises(ValueError, match="bandlimit is a whole number"):
        SO3Fourier(-1)
