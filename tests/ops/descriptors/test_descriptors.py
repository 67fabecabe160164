"""Invariant descriptors of point clouds: laws, slow sums beside them, and degenerate clouds."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck

from intertwine.groups import O3
from intertwine.ops import knn_graph, neighborhood_shape, shell_spectrum, soft_histogram, standardize_clouds

BATCH = torch.tensor([0] * 30 + [1] * 25)


def clouds(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    stretched = torch.tensor([1.0, 0.6, 0.3], dtype=dtype)
    return torch.randn(len(BATCH), 3, generator=generator, dtype=dtype) * stretched


def moved(points, seed=1):
    generator = torch.Generator().manual_seed(seed)
    g = O3().sample(2, generator=generator)
    scales = torch.tensor([0.2, 5.0], dtype=points.dtype)[BATCH, None]
    return scales * torch.einsum("nij,nj->ni", g[BATCH].to(points.dtype), points) + torch.randn(2, 3)[BATCH]


def test_the_spectrum_is_invariant_under_similarities_and_permutations():
    points = clouds()
    expected = shell_spectrum(points, BATCH, 2)
    assert (shell_spectrum(moved(points), BATCH, 2) - expected).abs().max() < 1e-10
    order = torch.cat([torch.randperm(30), 30 + torch.randperm(25)])
    assert (shell_spectrum(points[order], BATCH, 2) - expected).abs().max() < 1e-12
    sheared = points + 0.3 * points[:, :1]
    assert (shell_spectrum(sheared, BATCH, 2) - expected).abs().max() > 0.01


def test_the_spectrum_is_the_double_sum_of_legendre_polynomials():
    points = clouds()[:12]
    one = torch.zeros(12, dtype=torch.int64)
    x = standardize_clouds(points, one, 1)
    radii = x.norm(dim=1)
    weights = soft_histogram(radii, 0.15, 2.0, 3)
    cosines = (x @ x.T) / (radii[:, None] * radii)
    legendre = [torch.ones_like(cosines), cosines, (3 * cosines**2 - 1) / 2, (5 * cosines**3 - 3 * cosines) / 2]
    expected = [
        (weights[:, r, None] * weights[None, :, s] * p).mean() for p in legendre for r in range(3) for s in range(r, 3)
    ]
    found = shell_spectrum(points, one, 1, lmax=3, shells=3)[0]
    power = torch.stack(expected)
    assert (found - power * (power**2 + 1e-8) ** -0.25).abs().max() < 1e-12


def test_derivatives_and_clouds_of_equal_points():
    points = clouds()[:6].requires_grad_()
    one = torch.zeros(6, dtype=torch.int64)
    assert gradcheck(lambda x: shell_spectrum(x, one, 1, lmax=2, shells=2), points)
    equal = torch.ones(4, 3, requires_grad=True)
    found = shell_spectrum(equal, torch.zeros(4, dtype=torch.int64), 1)
    found.sum().backward()
    assert found.isfinite().all()
    assert equal.grad.isfinite().all()


def test_neighborhoods_are_invariant():
    points = clouds()
    edges = knn_graph(points, 6, BATCH)
    assert (neighborhood_shape(moved(points), edges) - neighborhood_shape(points, edges)).abs().max() < 1e-10


@pytest.mark.parametrize(
    ("flat", "expected"),
    [((1, 0, 0), (0, 0, 1)), ((1, 1, 0), (0, 0.5, 0.5)), ((1, 1, 1), (1 / 3, 1 / 3, 1 / 3)), ((0, 0, 0), (1 / 3,) * 3)],
)
def test_lines_planes_and_solids(flat, expected):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(4000, 3, generator=generator, dtype=torch.float64) * torch.tensor(flat)
    points[0] = 0
    edges = torch.stack([torch.arange(1, 4000), torch.zeros(3999, dtype=torch.int64)])
    found = neighborhood_shape(points, edges)[0]
    assert (found - torch.tensor(expected, dtype=torch.float64)).abs().max() < 0.02


def test_bins_of_a_histogram():
    found = soft_histogram(torch.tensor([0.0, 0.25]), 0.0, 1.0, 5)
    assert found[0, 0] == found[1, 1] == 1
    assert found[0, 1] == pytest.approx(math.exp(-0.5))
    assert found[0, 4] == pytest.approx(math.exp(-8))
