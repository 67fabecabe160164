"""Norms and directions of vectors of every length, with their gradients, beside float64."""

import pytest
import torch

from intertwine.ops import edge_wigner_d, safe_norm, safe_normalize, spherical_harmonics

LENGTHS = [0.0, 1e-37, 1e-30, 1e-25, 1e-20, 1e-15, 1e-10, 1e-5, 1.0, 1e10, 1e20, 1e37]
DIRECTION = torch.tensor([[0.3, -0.7, 0.5], [0.0, 1.0, 0.0]], dtype=torch.float64)


def value_and_gradients(function, length: float, dtype: torch.dtype):
    vectors = (DIRECTION.float() * length).to(dtype).requires_grad_()
    result = function(vectors)
    weights = torch.linspace(-1, 1, result.numel(), dtype=dtype).view_as(result)
    (gradient,) = torch.autograd.grad((result * weights).sum(), vectors)
    return result.detach(), gradient


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    "function",
    [safe_norm, safe_normalize, lambda v: spherical_harmonics(3, v), lambda v: edge_wigner_d(v, 2)[2][:, :, 2]],
    ids=["norm", "direction", "harmonics", "wigner"],
)
def test_every_length(function, length: float) -> None:
    value, gradient = value_and_gradients(function, length, torch.float32)
    expected, expected_gradient = value_and_gradients(function, length, torch.float64)
    assert torch.isfinite(gradient).all()
    unit, gradient_unit = (length, 1.0) if function is safe_norm else (1.0, length)  # the others have no unit
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5 * unit)
    torch.testing.assert_close(
        gradient.double() * gradient_unit, expected_gradient * gradient_unit, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    for length in (0.0, 1e-4, 1e-3, 1.0, 1e3):
        vectors = (DIRECTION * length).to(dtype)
        exact = vectors.double()
        for function in (safe_norm, safe_normalize):
            torch.testing.assert_close(function(vectors).double(), function(exact), rtol=0.02, atol=0.01 * length)


def test_shorter_than_the_smallest_normal_number_is_zero() -> None:
    vectors = torch.full((1, 3), 1e-39, requires_grad=True)
    assert safe_normalize(vectors).tolist() == [[0.0, 0.0, 0.0]]
    (gradient,) = torch.autograd.grad(spherical_harmonics(2, vectors).sum(), vectors)
    assert gradient.tolist() == [[0.0, 0.0, 0.0]]
