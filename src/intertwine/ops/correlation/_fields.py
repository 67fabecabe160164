"""Fields in space made of points with features, and the Gaussian kernels that correlate them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.reps import Rep

TAIL = 4.5
"""A Gaussian is zero beyond this many widths, where it has fallen to 4e-5."""


@dataclass(frozen=True)
class PointField:
    r"""The field :math:`f(x) = \sum_i f_i \, \delta(x - x_i)` of features at points.

    A motion :math:`(R, t)` takes it to the points :math:`R x_i + t` with the features :math:`\rho(R) f_i`.

    Attributes:
        points: ``(points, 3)``.
        features: ``(points, channels)``.
        rep: How the channels turn, a representation of SO(3) or O(3) of dimension ``channels``; None for scalars.

    Raises:
        UsageError: If the shapes do not fit, there is no point, or a number is not finite.
    """

    points: Tensor
    features: Tensor
    rep: Rep | None = None

    def __post_init__(self) -> None:
        points, features = self.points, self.features
        if points.ndim != 2 or points.shape[1] != 3 or not len(points):
            raise UsageError(f"a point field expects points (n, 3) with n at least 1, got {tuple(points.shape)}")
        if features.ndim != 2 or len(features) != len(points):
            raise UsageError(f"a point field expects features ({len(points)}, channels), got {tuple(features.shape)}")
        if self.rep is not None and self.rep.dim != features.shape[1]:
            raise UsageError(f"a field of {self.rep} has {self.rep.dim} channels, got features of {features.shape[1]}")
        if not (torch.isfinite(points).all() and torch.isfinite(features).all()):
            raise UsageError("a point field expects finite points and features: remove the rows with NaN or infinity")

    @property
    def center(self) -> Tensor:
        """The mean of the points, ``(3,)``."""
        return self.points.mean(0)

    def moved(self, rotation: Tensor, translation: Tensor) -> PointField:
        """The field moved by ``x -> R x + t``.

        Args:
            rotation: ``(3, 3)``.
            translation: ``(3,)``.

        Returns:
            The moved field.
        """
        rotation = rotation.to(self.points)
        features = self.features
        if self.rep is not None:
            features = features @ self.rep.matrix(rotation.double()).to(features).mT
        return PointField(self.points @ rotation.mT + translation.to(self.points), features, self.rep)


@dataclass(frozen=True)
class GaussianKernel:
    r"""One radial function for each channel, a sum of Gaussians of common widths.

    .. math:: k_c(r) = \sum_g a_{cg} \exp \Bigl( -\frac{r^2}{2 s_g^2} \Bigr)

    Attributes:
        widths: ``(gaussians,)``, the :math:`s_g`, positive, in the unit of the points.
        amplitudes: ``(channels, gaussians)``, the :math:`a_{cg}`; equal over the channels of one irreducible block.

    Raises:
        UsageError: If the shapes do not fit or a width is not positive.

    Example:
        >>> kernel = GaussianKernel(torch.tensor([1.0]), torch.tensor([[2.0]]))
        >>> kernel.radial(torch.tensor([0.0])).tolist()
        [[2.0]]
    """

    widths: Tensor
    amplitudes: Tensor

    def __post_init__(self) -> None:
        if self.widths.ndim != 1 or not len(self.widths) or not bool((self.widths > 0).all()):
            raise UsageError(f"a Gaussian kernel expects positive widths (gaussians,), got {self.widths.tolist()}")
        if self.amplitudes.ndim != 2 or self.amplitudes.shape[1] != len(self.widths):
            got = tuple(self.amplitudes.shape)
            raise UsageError(f"a Gaussian kernel expects amplitudes (channels, {len(self.widths)}), got {got}")

    @property
    def cutoff(self) -> float:
        """The distance beyond which the kernel counts as zero."""
        return TAIL * float(self.widths.max())

    def radial(self, squared_distances: Tensor) -> Tensor:
        """The kernel of each channel at squared distances.

        Args:
            squared_distances: ``(pairs,)``.

        Returns:
            ``(pairs, channels)``.
        """
        widths, amplitudes = self.widths.to(squared_distances), self.amplitudes.to(squared_distances)
        return torch.exp(-squared_distances[:, None] / (2 * widths**2)) @ amplitudes.mT

    def fourier(self, squared_frequencies: Tensor) -> Tensor:
        r"""The Fourier transform of each channel in space.

        .. math:: \hat k_c(\xi) = \sum_g a_{cg} (2 \pi s_g^2)^{3/2} e^{-s_g^2 |\xi|^2 / 2}

        Args:
            squared_frequencies: ``(...)``: squared lengths of angular frequencies.

        Returns:
            ``(channels, ...)``.
        """
        total = squared_frequencies.new_zeros(len(self.amplitudes), *squared_frequencies.shape)
        for width, amplitude in zip(self.widths.tolist(), self.amplitudes.mT.to(squared_frequencies), strict=True):
            gaussian = (2 * math.pi * width**2) ** 1.5 * torch.exp(-(width**2) * squared_frequencies / 2)
            total += amplitude.reshape(-1, *[1] * squared_frequencies.ndim) * gaussian
        return total


def check_fields(field_1: PointField, field_2: PointField, kernel: GaussianKernel, name: str) -> None:
    """Raises unless two fields and a kernel have the same channels and the kernel commutes with rotations."""
    channels = (field_1.features.shape[1], field_2.features.shape[1], len(kernel.amplitudes))
    if len(set(channels)) != 1:
        raise UsageError(f"{name} expects as many channels in both fields and the kernel, got {channels}")
    if field_1.rep != field_2.rep:
        raise UsageError(f"{name} expects fields of one representation, got {field_1.rep} and {field_2.rep}")
    if field_1.rep is None:
        return
    generator = torch.tensor([[0.0, -0.3, 0.7], [0.3, 0.0, -0.5], [-0.7, 0.5, 0.0]], dtype=torch.float64)
    turn = field_1.rep.algebra(generator)
    for amplitude in kernel.amplitudes.double().mT:
        if (turn * (amplitude[:, None] - amplitude)).abs().max() > 1e-9 * (1 + amplitude.abs().max()):
            raise UsageError(f"{name} expects equal amplitudes over each irreducible block of {field_1.rep}")
