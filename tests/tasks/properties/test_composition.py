from __future__ import annotations

import numpy as np
import pytest
import torch

from intertwine.tasks.properties import Target, fit_composition
from intertwine.tasks.properties._composition import block_sizes, invariant_columns


def counts(n=40, k=3, seed=0):
    return (
        torch.randint(0, 7, (n, k), generator=torch.Generator().manual_seed(seed)).double() + torch.eye(n, k).double()
    )


def noise(n=40, d=1, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_agrees_with_numpy():
    x, y = counts(), noise()
    fit = fit_composition(x, y, Target("a"), "sum")
    design = np.hstack([x.numpy(), np.ones((len(x), 1))])
    expected, *_ = np.linalg.lstsq(design, y.numpy(), rcond=None)
    assert np.allclose(fit.coefficients.numpy(), expected[:3], atol=1e-6)
    assert np.allclose(fit.constant.numpy(), expected[3], atol=1e-6)
    assert np.isclose(fit.scale.item(), np.sqrt(np.mean((y.numpy() - design @ expected) ** 2)), rtol=1e-6)


@pytest.mark.parametrize("pool", ["sum", "mean"])
def test_a_composition_law_is_found_and_named(pool):
    x = counts()
    law = torch.tensor([[-0.5], [-38.0], [-75.0]], dtype=torch.float64)
    y = (x if pool == "sum" else x / x.sum(1, keepdim=True)) @ law + 2.0
    fit = fit_composition(x, y, Target("u0"))
    assert fit.pool == pool
    assert torch.allclose(fit(x), y, atol=1e-5)


def test_total_energies_leave_their_small_part_to_the_network():
    x, small = counts(400), 0.05 * noise(400)
    y = x @ torch.tensor([[-0.5], [-38.0], [-75.0]], dtype=torch.float64) + small
    fit = fit_composition(x, y, Target("u0"), "sum")
    assert fit.scale.item() == pytest.approx(0.05, rel=0.1)


def test_large_exact_energies_change_no_residual():
    """C, O and U with all their electrons; the columns of O and U are proportional."""
    rows = [[8 * k + (j > 0), 4 * k, k] for k in range(1, 41) for j in range(5)]
    x, small = torch.tensor(rows, dtype=torch.float64), 0.02 * noise(200)
    energies = x @ torch.tensor([[-1035.0], [-2043.0], [-762000.0]], dtype=torch.float64)
    alone, with_energies = (fit_composition(x, small + part, Target("u0"), "sum") for part in (0 * energies, energies))
    assert with_energies.error == pytest.approx(alone.error, rel=1e-6)
    assert torch.allclose(small + energies - with_energies(x), small - alone(x), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_fit_does_not_depend_on_the_unit(scale):
    x, y = counts(), noise()
    assert fit_composition(x, scale * y, Target("a"), "sum").error == pytest.approx(
        scale * fit_composition(x, y, Target("a"), "sum").error
    )


def test_what_turns_is_not_shifted():
    target = Target("a", "0e + 1o + 2x2e")
    y = noise(d=target.dim) + 3.0
    fit = fit_composition(counts(), y, target)
    fixed = ~invariant_columns(target)
    assert fixed.sum() == 13
    assert not fit.coefficients[:, fixed].any()
    assert not fit.constant[fixed].any()
    assert fit.constant[0] != 0


def test_one_scale_an_irrep_and_it_is_the_norm():
    target = Target("a", "0e + 1o + 2x2e")
    y = noise(d=target.dim)
    fit = fit_composition(counts(), y, target)
    start = 0
    for size in block_sizes(target):
        block = fit.scale[start : start + size]
        assert (block == block[0]).all()
        if start:
            assert float(block[0]) == pytest.approx(
                float(y[:, start : start + size].norm(dim=1).square().mean().sqrt())
            )
        start += size
    assert start == target.dim


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_constant_target_is_no_division_by_zero(value):
    fit = fit_composition(counts(), torch.full((40, 1), value, dtype=torch.float64), Target("a"))
    assert float(fit.scale) == 1
    assert torch.allclose(fit(counts()), torch.tensor(value).double())


def test_degenerate_compositions_stay_finite():
    same = torch.tensor([[2.0, 1.0]], dtype=torch.float64).repeat(5, 1)
    tied = torch.arange(1.0, 6).double()[:, None] * torch.tensor([[2.0, 1.0]], dtype=torch.float64)
    for x in (same, tied, same[:1]):
        y = noise(len(x))
        fit = fit_composition(x, y, Target("a"))
        assert fit(x).isfinite().all()
        assert fit.coefficients.abs().max() < 1e3
