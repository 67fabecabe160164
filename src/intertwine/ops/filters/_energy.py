"""Oriented energy of images from a quadrature pair of steerable filters."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.filters._polynomial import gaussian_derivative, hilbert_fit
from intertwine.ops.filters._steering import steered_responses


class OrientedEnergy(NamedTuple):
    """The oriented energy ``E(t) = C1 + C2 cos 2t + C3 sin 2t + ...`` of each pixel.

    Attributes:
        mean: C1, ``(..., height, width)``.
        cosine: C2.
        sine: C3.
        samples: ``(M, ..., height, width)``, E at the angles ``pi m / M``, which determine it.
    """

    mean: Tensor
    cosine: Tensor
    sine: Tensor
    samples: Tensor

    @property
    def angle(self) -> Tensor:
        """The dominant angle ``atan2(C3, C2) / 2``, in radians: across the lines and edges, from x toward y (up)."""
        return torch.atan2(self.sine, self.cosine) / 2

    @property
    def strength(self) -> Tensor:
        """``sqrt(C2^2 + C3^2)``."""
        return torch.hypot(self.cosine, self.sine)

    def at(self, angles: Tensor) -> Tensor:
        """E at any angles.

        Args:
            angles: ``(A,)``, radians.

        Returns:
            ``(A, ..., height, width)``.
        """
        count = len(self.samples)
        orders = torch.arange(1, (count - 1) // 2 + 1, dtype=angles.dtype)
        steps = angles[:, None] - torch.arange(count, dtype=angles.dtype) * pi / count
        weights = (1 + 2 * torch.cos(2 * steps[..., None] * orders).sum(-1)) / count
        energy: Tensor = torch.tensordot(weights.to(self.samples), self.samples, 1)
        return energy


def oriented_energy(images: Tensor, sigma: float = 1.5, order: int = 2) -> OrientedEnergy:
    """The oriented energy of images, ``E(t) = (G_n^t * I)^2 + (H_n^t * I)^2``.

    A derivative of a Gaussian and the fit to its Hilbert transform are convolved with the image at the angles of their
    minimal bases (for n = 2, 3 and 4 of them); all other angles are sums of these.

    Args:
        images: ``(..., height, width)``; the border is repeated outside.
        sigma: Of the Gaussian, in pixels.
        order: n, from 1 on.

    Raises:
        UsageError: The images have no pixels or sigma is not positive.

    Law: E of an image rotated by a is E of the image, rotated, with a added to the angle; exact for 90 degrees.

    Cost: ``2 n + 3`` convolutions with kernels of about ``8 sigma`` pixels a side.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, section IV and table XI.

    Example:
        >>> stripes = torch.cos(torch.arange(32.0)).expand(32, 32)   # along x
        >>> energy = oriented_energy(stripes)
        >>> abs(round(float(energy.angle[16, 16]), 3))
        0.0
    """
    if images.ndim < 2 or 0 in images.shape[-2:]:
        raise UsageError(f"expected images (..., height, width) with pixels, got {tuple(images.shape)}")
    count = 2 * (order + 1) + 1
    angles = torch.arange(count, dtype=torch.float64) * pi / count
    pair = (gaussian_derivative(order, sigma), hilbert_fit(order, sigma))
    even, odd = (steered_responses(images, each, angles) for each in pair)
    samples = even.square() + odd.square()
    waves = torch.stack([torch.full_like(angles, 0.5), (2 * angles).cos(), (2 * angles).sin()]) * 2 / count
    mean, cosine, sine = torch.tensordot(waves.to(samples), samples, 1)
    return OrientedEnergy(mean, cosine, sine, samples)
