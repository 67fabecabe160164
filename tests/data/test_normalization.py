"""Clouds at the origin and in the unit sphere."""

from __future__ import annotations

import pytest
import torch

from intertwine.data import center, unit_sphere

SIZES = (20, 1, 2, 33)


def clouds():
    generator = torch.Generator().manual_seed(0)
    positions = 7 + 3 * torch.randn(sum(SIZES), 3, generator=generator, dtype=torch.float64)
    positions[21:23] = positions[21]  # the cloud of two points is one place
    return positions, torch.tensor([0, *SIZES]).cumsum(0)


@pytest.mark.parametrize("normalize", [center, unit_sphere])
def test_centroids_are_the_origin(normalize):
    for cloud in normalize(*clouds()).split(SIZES):
        assert torch.allclose(cloud.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-14)


def test_centering_keeps_the_size():
    positions, offsets = clouds()
    torch.testing.assert_close(center(positions, offsets)[:20], positions[:20] - positions[:20].mean(0))


def test_every_cloud_fills_the_unit_sphere():
    for cloud, size in zip(unit_sphere(*clouds()).split(SIZES), SIZES, strict=True):
        assert float(cloud.norm(dim=1).max()) == pytest.approx(0.0 if size < 3 else 1.0)


def test_the_unit_sphere_does_not_care_where_or_how_large_a_cloud_was():
    x = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    offsets = torch.tensor([0, 9])
    assert torch.allclose(unit_sphere(5 * x - 3, offsets), unit_sphere(x, offsets), atol=1e-14)
    assert not torch.allclose(unit_sphere(x * torch.tensor([5.0, 1, 1]), offsets), unit_sphere(x, offsets), atol=0.1)


def test_no_clouds():
    assert unit_sphere(torch.zeros(0, 3), torch.tensor([0])).shape == (0, 3)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_sphere_is_that_of_clouds_of_any_size(scale):
    positions, offsets = clouds()
    torch.testing.assert_close(unit_sphere(scale * positions, offsets), unit_sphere(positions, offsets))
