"""Descriptors of points with normals: laws, slow sums beside them, and degenerate clouds."""

from __future__ import annotations

import math

import pytest
import torch

from intertwine.groups import O3
from intertwine.ops import (
    knn_graph,
    normal_spectrum,
    pair_histogram,
    shell_spectrum,
    soft_histogram,
    standardize_clouds,
    surface_histogram,
)

BATCH = torch.tensor([0] * 30 + [1] * 25)
ONE = torch.zeros(20, dtype=torch.int64)


def surfaces(seed=0, size=55):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(size, 3, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 0.6, 0.3])
    normals = torch.randn(size, 3, generator=generator, dtype=torch.float64)
    return points, normals / normals.norm(dim=1, keepdim=True)


DESCRIPTORS = {
    "shells": lambda x, n, batch, count: shell_spectrum(x, batch, count, lmax=4, shells=3, normals=n),
    "normals": lambda x, n, batch, count: normal_spectrum(x, n, batch, count, lmax=4, shells=3),
    "pairs": lambda x, n, batch, count: pair_histogram(x, n, batch, count, landmarks=5),
    "surface": lambda x, n, batch, count: surface_histogram(x, n, knn_graph(x, 6, batch), batch, count),
}


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_invariance_under_similarities_permutations_and_signs_of_normals(name):
    describe, (points, normals) = DESCRIPTORS[name], surfaces()
    expected = describe(points, normals, BATCH, 2)
    generator = torch.Generator().manual_seed(1)
    g = O3().sample(2, generator=generator)[BATCH].to(points)
    signs = torch.randint(0, 2, (len(BATCH), 1), generator=generator) * 2 - 1
    moved = torch.einsum("nij,nj->ni", g, points) * torch.tensor([0.2, 5.0])[BATCH, None] + torch.randn(2, 3)[BATCH]
    turned = signs * torch.einsum("nij,nj->ni", g, normals)
    order = torch.cat([torch.randperm(30), 30 + torch.randperm(25)])
    assert (describe(moved[order], turned[order], BATCH, 2) - expected).abs().max() < 1e-8
    others = normals[torch.cat([torch.randperm(30), 30 + torch.randperm(25)])]
    assert (describe(points, others, BATCH, 2) - expected).abs().max() > 1e-3
    alone = describe(points[:30], normals[:30], BATCH[:30], 1)
    assert (alone[0] - expected[0]).abs().max() < 1e-12


def test_pairs_are_counted_as_by_two_loops():
    points, normals = surfaces(size=20)
    x = standardize_clouds(points, ONE, 1)
    total = torch.zeros(7, 4, 4, 4, dtype=torch.float64)
    for i in range(20):
        for j in range(20):
            d = x[j] - x[i]
            e = d / d.norm() if i != j else torch.zeros(3, dtype=torch.float64)
            first, second, between = (
                math.sqrt(float(v) ** 2 + 1e-6) for v in (e @ normals[i], e @ normals[j], normals[i] @ normals[j])
            )
            numbers = torch.tensor([between, max(first, second), min(first, second)], dtype=torch.float64)
            a = soft_histogram(d.norm(), 0.0, 3.0, 7)
            b, c, f = (soft_histogram(one, 0.0, 1.0, 4) for one in numbers)
            total += torch.einsum("i,j,k,l->ijkl", a, b, c, f)
    found = pair_histogram(points, normals, ONE, 1, landmarks=20)[0]
    assert (found - torch.sqrt(total.flatten() / 400 + 1e-6)).abs().max() < 1e-10


def test_normals_of_one_direction_have_the_spectrum_of_a_point():
    points, _ = surfaces(size=20)
    up = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(20, 3)
    weights = soft_histogram(standardize_clouds(points, ONE, 1).norm(dim=1), 0.15, 2.0, 1 + 1).mean(0)
    power = torch.stack([weights[r] * weights[s] for _ in (2, 4) for r in range(2) for s in range(r, 2)])
    expected = power * (power**2 + 1e-8) ** -0.25  # P_l(1) = 1 in every degree
    assert (normal_spectrum(points, up, ONE, 1, lmax=4, shells=2)[0] - expected).abs().max() < 1e-12


def test_a_plane_and_a_line_have_their_bins():
    grid = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0), torch.zeros(1)).double()
    up = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(36, 3)
    batch = torch.zeros(36, dtype=torch.int64)
    shares = surface_histogram(grid, up, knn_graph(grid, 8), batch, 1)[0].square()
    shape, spread = shares[:64].unflatten(0, (8, 8)), shares[64:].unflatten(0, (8, 4))
    assert shape.sum(0).argmax() == 0  # det C = 0
    assert spread.flatten().argmax() == 7 * 4  # n n^T all the same
    line = torch.tensor([1.0, 0, 0]).double() * torch.arange(36.0).double()[:, None]
    ends = surface_histogram(line, up, knn_graph(line, 4), batch, 1)[0].square()
    assert ends[:64].argmax() == 7 * 8


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_equal_points_and_gradients(name):
    normals = surfaces(size=20)[1]
    equal = torch.ones(20, 3, dtype=torch.float64, requires_grad=True)
    DESCRIPTORS[name](equal, normals, ONE, 1).sum().backward()
    assert equal.grad is not None
    assert equal.grad.isfinite().all()
    assert DESCRIPTORS[name](equal, normals, ONE, 1).isfinite().all()


def test_in_float32_rounding_of_a_plane_is_not_seen():
    points, _ = surfaces(size=20)
    points = points * torch.tensor([1.0, 1.0, 0.0])
    up = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(20, 3)
    g = O3().sample(1, generator=torch.Generator().manual_seed(0))[0]
    edges = knn_graph(points, 6)
    given, turned = (
        surface_histogram(x.float(), n.float(), edges, ONE, 1) for x, n in ((points, up), (points @ g.T, up @ g.T))
    )
    assert (turned - given).abs().max() < 1e-6
