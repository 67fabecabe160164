"""Harmonics, rings and pooling of grids."""

import math

import pytest
import torch

from intertwine.ops import circular_harmonics, gaussian_pool, kernel_points, linear_upsample, smooth_ring


def test_circular_harmonics_rotate_by_their_frequency():
    points = torch.randn(10, 2, dtype=torch.float64)
    angle = 0.7
    for degree in (1, 2, 5):
        turn = torch.polar(torch.ones(1, dtype=torch.float64), torch.tensor([angle], dtype=torch.float64))
        moved = torch.view_as_real(torch.view_as_complex(points) * turn)
        rotated = torch.view_as_complex(circular_harmonics(degree, points)) * turn**degree
        torch.testing.assert_close(circular_harmonics(degree, moved), torch.view_as_real(rotated))
    assert circular_harmonics(3, torch.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(("radius", "degree"), [(0.0, 0), (1.0, 0), (1.0, 1), (2.0, 2)])
def test_rings_are_smoothed_harmonics(dimension, radius, degree):
    """Beside the integral over the circle or sphere by quadrature, along one direction."""
    sigma, angles = 0.6, 2 * math.pi * torch.arange(400, dtype=torch.float64) / 400
    distances = torch.linspace(0, 3, 7, dtype=torch.float64)
    points = torch.zeros(7, dimension, dtype=torch.float64)
    points[:, -1] = distances
    if dimension == 2:
        squares = distances[:, None] ** 2 + radius**2 - 2 * distances[:, None] * radius * angles.cos()
        expected = (torch.exp(-squares / (2 * sigma**2)) * (degree * angles).cos()).mean(1)
    else:
        height = torch.linspace(-1, 1, 20001, dtype=torch.float64)
        squares = distances[:, None] ** 2 + radius**2 - 2 * distances[:, None] * radius * height
        legendre = [torch.ones_like(height), height, (3 * height**2 - 1) / 2][degree]
        expected = torch.trapezoid(torch.exp(-squares / (2 * sigma**2)) * legendre, height) / 2
    torch.testing.assert_close(smooth_ring(radius, degree, sigma, points), expected, rtol=1e-6, atol=1e-8)


def test_kernel_points():
    assert kernel_points(3, 3)[0].tolist() == [-1, -1, -1]
    assert kernel_points(2, 2).tolist() == [[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_pooling_and_interpolation_are_means(size):
    pooled = gaussian_pool(torch.ones(1, size, size, size), 2, 0.7, 3)
    assert pooled.shape == (1, *[-(-size // 2)] * 3)
    assert torch.allclose(pooled, torch.ones(()))
    assert torch.allclose(linear_upsample(pooled, (size,) * 3, 2, 3), torch.ones(()))


def test_pooling_is_a_gaussian_mean_in_pixels():
    impulse = torch.zeros(1, 1, 9, dtype=torch.float64)
    for place in range(9):
        impulse.zero_()[..., place] = 1
        found = gaussian_pool(impulse[:, :, None, :].expand(1, 1, 9, 9), 2, 0.7, 2)[0, 0, 0]
        for number, center in enumerate((0, 2, 4, 6, 8)):
            row = [math.exp(-((pixel - center) ** 2) / (2 * 0.7**2)) for pixel in range(9)]
            assert float(found[number]) == pytest.approx(row[place] / sum(row), abs=1e-12)
