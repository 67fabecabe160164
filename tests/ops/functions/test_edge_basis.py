"""The functions of edges in one operation: those of the functions one by one, with their derivatives."""

import pytest
import torch
from torch import Tensor

from intertwine.ops import bessel_basis, edge_basis, safe_norm, smooth_cutoff, spherical_harmonics

CUTOFF, FUNCTIONS = 3.0, 5


def edges(*lengths: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(len(lengths), 3, dtype=torch.float64, generator=generator)
    return torch.nn.functional.normalize(directions) * torch.tensor(lengths, dtype=torch.float64)[:, None]


def one_by_one(vectors: Tensor, lmax: int) -> Tensor:
    distances = safe_norm(vectors)
    parts = [bessel_basis(distances, CUTOFF, FUNCTIONS), smooth_cutoff(distances, CUTOFF)[:, None]]
    return torch.cat([spherical_harmonics(lmax, vectors), distances[:, None], *parts], 1)


@pytest.mark.parametrize("lmax", [0, 1, 3, 4])
def test_values_and_gradients_are_those_of_the_functions(lmax: int) -> None:
    vectors = edges(0.0, 1e-3, 0.1, 0.4, 0.5, 1.0, 2.9, 3.0, 3.5).requires_grad_()
    found, expected = edge_basis(vectors, lmax, CUTOFF, FUNCTIONS), one_by_one(vectors, lmax)
    torch.testing.assert_close(found.columns, expected, atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(found.distances, safe_norm(vectors))
    torch.testing.assert_close(found.index_select(torch.tensor([2, 1])).bessel, found.bessel[[2, 1]])
    weights = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slopes = [
        torch.autograd.grad((x * weights).sum(), vectors, create_graph=True)[0] for x in (found.columns, expected)
    ]
    torch.testing.assert_close(*slopes, atol=1e-9, rtol=1e-9)
    v = edges(*[1.0] * 9)
    seconds = [torch.autograd.grad((slope * v).sum(), vectors)[0] for slope in slopes]
    torch.testing.assert_close(*seconds, atol=1e-8, rtol=1e-8)


def test_derivatives_of_higher_orders() -> None:
    vectors = edges(0.7, 1.3).requires_grad_()

    def columns(vectors: Tensor) -> Tensor:
        return edge_basis(vectors, 2, CUTOFF, 3).columns

    assert torch.autograd.gradcheck(columns, vectors)
    assert torch.autograd.gradgradcheck(columns, vectors)
    third = torch.func.jacrev(torch.func.hessian(lambda x: columns(x).sum()))(vectors.detach())
    expected = torch.func.jacrev(torch.func.hessian(lambda x: one_by_one(x, 2)[:, [*range(13), -1]].sum()))(
        vectors.detach()
    )
    torch.testing.assert_close(third, expected)


def test_float32_is_near() -> None:
    vectors = edges(0.2, 0.9, 1.1, 2.5)
    found = edge_basis(vectors.float(), 3, CUTOFF, FUNCTIONS).columns
    torch.testing.assert_close(found.double(), one_by_one(vectors, 3), atol=1e-5, rtol=1e-5)
