from __future__ import annotations

import torch

from intertwine.groups import O3
from intertwine.tasks.properties._matrices import asymmetry, symmetric_basis, to_irreps, to_matrices


def symmetric(n=32, seed=0):
    A = torch.randn(n, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return A + A.mT


def worst_law(Q):
    """max |Q^T vec(R A R^T) - D(R) Q^T vec(A)| over Haar elements, reflections included."""
    A = symmetric()
    R = O3().sample(len(A), generator=torch.Generator().manual_seed(1))
    D = O3().rep("0e + 2e").matrix(R)
    turned = (R @ A @ R.mT).reshape(-1, 9) @ Q
    expected = torch.einsum("sij,sj->si", D, A.reshape(-1, 9) @ Q)
    return float((turned - expected).abs().max())


def test_coordinates_turn_by_the_irreps():
    assert worst_law(symmetric_basis()) < 1e-12


def test_another_basis_does_not():
    Q = symmetric_basis()
    Q[:, [1, 2]] = Q[:, [2, 1]]
    assert worst_law(Q) > 0.1


def test_round_trip_and_norm():
    A = symmetric().reshape(-1, 9)
    y = to_irreps(A)
    assert torch.allclose(to_matrices(y), A, rtol=0, atol=1e-13)
    assert torch.allclose(y.norm(dim=1), A.norm(dim=1), rtol=1e-13)
    assert to_irreps(A.float()).dtype == torch.float32


def test_equal_to_e3nn():
    from e3nn.io import CartesianTensor

    change = CartesianTensor("ij=ji").reduced_tensor_products().change_of_basis
    assert torch.allclose(symmetric_basis().T.reshape(6, 3, 3).float(), change, atol=1e-6)


def test_the_basis_cannot_be_spoilt_by_its_users():
    symmetric_basis().zero_()
    assert worst_law(symmetric_basis()) < 1e-12


def test_asymmetry():
    A = symmetric(4).reshape(-1, 9)
    assert float(asymmetry(A).max()) == 0
    A[2, 1] += 1
    assert asymmetry(A).argmax() == 2
    assert float(asymmetry(torch.zeros(1, 9, dtype=torch.float64))) == 0
