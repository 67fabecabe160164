"""Radial functions beside their formulas, and regular where the formulas divide by zero."""

import pytest
import torch

from intertwine.ops import bessel_basis, silu, smooth_cutoff


@pytest.mark.parametrize("count", [1, 2, 8, 20])
def test_the_bessel_basis_is_its_formula(count: int) -> None:
    distances = torch.linspace(0, 7, 300, dtype=torch.float64)
    orders = torch.arange(1, count + 1, dtype=torch.float64)
    expected = orders * torch.sinc(distances[:, None] * orders / 5)
    torch.testing.assert_close(bessel_basis(distances, 5.0, count), expected, rtol=1e-12, atol=1e-12)
    single = bessel_basis(distances.float(), 5.0, count)
    assert (single - expected).abs().max() <= 1e-5 * count


def test_the_bessel_basis_is_regular_at_zero_to_every_order() -> None:
    distances = torch.tensor([0.0, 1e-9, 0.1, 0.79, 0.8, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d: bessel_basis(d, 5.0, 4), distances)
    assert torch.autograd.gradgradcheck(lambda d: bessel_basis(d, 5.0, 4), distances)
    value, values = bessel_basis(distances, 5.0, 3).sum(), []
    for _ in range(4):
        (slope,) = torch.autograd.grad(value, distances, create_graph=True)
        value = slope.sum()
        values.append(float(slope[0].detach()))
    assert values[0] == values[2] == 0  # an even function
    curvature = -sum(n * (n * torch.pi / 5) ** 2 / 3 for n in (1, 2, 3))
    assert values[1] == pytest.approx(curvature)


def test_the_cutoff_ends_smoothly() -> None:
    distances = torch.tensor([0.0, 2.0, 5.0, 6.0], dtype=torch.float64, requires_grad=True)
    value = smooth_cutoff(distances, 5.0)
    assert value.tolist()[::3] == [1.0, 0.0]
    (slope,) = torch.autograd.grad(value.sum(), distances, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), distances)
    assert slope[2:].abs().max() < 1e-12
    assert curvature[2:].abs().max() < 1e-12


def test_silu_and_four_of_its_derivatives() -> None:
    x = (3 * torch.randn(3, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).requires_grad_()
    weights = torch.randn(4, 3, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = []
    for function in (silu, torch.nn.functional.silu):
        value, slopes = function(x).pow(3).sum(), []
        for weight in weights:
            (slope,) = torch.autograd.grad(value, x, create_graph=True)
            value = (slope * weight).sum()
            slopes.append(slope.detach())
        found.append(torch.stack(slopes))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    assert silu(x.float().T).dtype == torch.float32
