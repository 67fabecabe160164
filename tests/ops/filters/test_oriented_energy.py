"""Oriented energy: dominant angles, equivariance, and a slow computation beside it."""

from math import pi

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.ops.filters import filter_kernels, gaussian_derivative, hilbert_fit, oriented_energy


def waves(degrees: float, size: int = 64, wavelength: float = 7.0) -> torch.Tensor:
    a = torch.tensor(pi * degrees / 180, dtype=torch.float64)
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return torch.cos(2 * pi / wavelength * (axis * a.cos() - axis[:, None] * a.sin()))


@pytest.mark.parametrize("degrees", [0, 30, 75, 90, 140])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_dominant_angle_of_waves(degrees, order):
    energy = oriented_energy(waves(degrees), 1.7, order)
    difference = energy.angle[20:44, 20:44] - pi * degrees / 180
    assert ((difference + pi / 2) % pi - pi / 2).abs().max() < 0.03


def test_energy_is_that_of_the_rotated_filters():
    image = torch.rand(32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    energy = oriented_energy(image, 1.5)
    angle = torch.tensor([0.7], dtype=torch.float64)
    c, s = angle.cos(), angle.sin()
    g = torch.stack([torch.cat([c, -s]), torch.cat([s, c])])
    direct = 0
    for f in (gaussian_derivative(2, 1.5), hilbert_fit(2, 1.5)):
        kernel = filter_kernels(f, g, 15)
        direct = direct + torch.nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0] ** 2
    assert torch.allclose(energy.at(angle)[0, 7:-7, 7:-7], direct, atol=1e-3 * float(direct.max()))


def test_energy_turns_with_the_image():
    image = torch.rand(2, 31, 31, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    here, there = oriented_energy(image), oriented_energy(torch.rot90(image, 1, (-2, -1)))
    for left, right, sign in ((here.mean, there.mean, 1), (here.cosine, there.cosine, -1), (here.sine, there.sine, -1)):
        assert torch.allclose(torch.rot90(left, 1, (-2, -1)), sign * right, atol=1e-12)
    assert (here.mean[..., :] - there.mean).abs().max() > 1e-3  # the check can fail


def test_constant_and_tiny_images_have_an_angle():
    for image in (torch.ones(9, 9), torch.zeros(1, 1)):
        energy = oriented_energy(image)
        assert torch.isfinite(energy.angle).all()
        assert energy.strength.max() < 1e-6
    with pytest.raises(UsageError, match="pixels"):
        oriented_energy(torch.zeros(3, 0))
