"""Piecewise polynomials: values against a slow evaluation, derivatives of every order, what lies outside."""

from __future__ import annotations

import torch

from intertwine.ops import piecewise_polynomial


def slow(x: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    intervals, order, _ = coefficients.shape
    rows = []
    for point in x.tolist():
        i = min(max(int(point * intervals), 0), intervals - 1)
        t = 2 * (point * intervals - i) - 1
        rows.append(sum(coefficients[i, q] * t**q for q in range(order)))
    return torch.stack(rows)


def test_agrees_with_a_slow_evaluation() -> None:
    coefficients = torch.randn(7, 4, 3, dtype=torch.float64)
    x = torch.cat([torch.rand(50, dtype=torch.float64), torch.tensor([0.0, 1.0, 1.02, -0.01], dtype=torch.float64)])
    torch.testing.assert_close(piecewise_polynomial(x, coefficients), slow(x, coefficients))


def test_derivatives() -> None:
    coefficients = torch.randn(5, 4, 3, dtype=torch.float64)
    x = ((torch.arange(10) + 0.37) / 10).double().requires_grad_()
    torch.autograd.gradcheck(lambda x: piecewise_polynomial(x, coefficients), x, check_forward_ad=True)
    torch.autograd.gradgradcheck(lambda x: piecewise_polynomial(x, coefficients), x)


def test_not_a_number_stays_one() -> None:
    assert piecewise_polynomial(torch.tensor([torch.nan]), torch.randn(4, 3, 2)).isnan().all()


def test_no_points() -> None:
    assert piecewise_polynomial(torch.zeros(0), torch.randn(4, 3, 2)).shape == (0, 2)


def test_slopes_of_lines_and_constants() -> None:
    x = torch.tensor([0.1, 0.6], requires_grad=True)
    lines = torch.tensor([[[0.0], [1.0]], [[2.0], [3.0]]])  # of two intervals, in t = 2 (2 x - i) - 1
    for coefficients, slopes in ((lines, [4.0, 12.0]), (lines[:, :1], [0.0, 0.0])):
        (found,) = torch.autograd.grad(piecewise_polynomial(x, coefficients).sum(), x)
        assert found.tolist() == slopes
