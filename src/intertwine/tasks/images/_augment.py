"""Random changes of training images: one warp with one interpolation, a function of (seed, index)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.data import IGNORED, warp_images
from intertwine.training import normal_per_example

_AFFINE = 6
"""Random numbers of an image for its rotation, flip, scale, stretch and shift."""
_KNOTS = 4
"""The elastic displacement is interpolated from a grid of so many points each way."""
_SHIFT, _SCALE, _ELASTIC = 0.04, 0.06, 0.025
"""Standard deviations: of shifts and displacements in shares of the size, of the logarithm of the scale."""
_LARGEST = 2.5
"""Random numbers are clamped to so many standard deviations."""


@dataclass(frozen=True)
class Augmentation:
    """Which random changes are made: of "rotate", "flip", "shift", "scale", "elastic".

    Attributes:
        kinds: Their names; none leaves the images as they are.

    >>> images = torch.rand(2, 1, 8, 8)
    >>> bool(torch.equal(Augmentation(())(images, torch.arange(2), 0)[0], images))
    True
    """

    kinds: Sequence[str]

    def __call__(
        self, images: Tensor, indices: Tensor, seed: int, fill: Tensor | None = None, masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Images changed at random, and their masks with them.

        Args:
            images: ``(B, C, H, W)``.
            indices: ``(B,)``, of the images.
            seed: Of the step.
            fill: ``(C,)``, the color outside of the images.
            masks: ``(B, H, W)``, the class of each pixel.
        """
        if not self.kinds:
            return images, masks
        numbers = normal_per_example(seed, indices, _AFFINE + 2 * _KNOTS**2)
        angles, numbers = 2 * math.pi * torch.special.ndtr(numbers[:, 0]), numbers.clamp(-_LARGEST, _LARGEST)
        size = images.shape[-1]
        shifts = _SHIFT * size * numbers[:, 4:6] if "shift" in self.kinds else None
        displacement = None
        if "elastic" in self.kinds:
            knots = _ELASTIC * size * numbers[:, _AFFINE:].reshape(-1, 2, _KNOTS, _KNOTS)
            displacement = functional.interpolate(knots, images.shape[-2:], mode="bicubic", align_corners=True)
        matrices = self._matrices(angles, numbers)
        changed = warp_images(images, matrices, shifts, displacement, fill)
        if masks is None:
            return changed, None
        outside = torch.tensor([float(IGNORED)])
        moved = warp_images(masks[:, None].float(), matrices, shifts, displacement, outside, nearest=True)
        return changed, moved[:, 0].to(masks.dtype)

    def _matrices(self, angles: Tensor, numbers: Tensor) -> Tensor:
        """(B, 2, 2): a rotation, a flip, and scales along both axes."""
        angle = angles if "rotate" in self.kinds else torch.zeros_like(angles)
        rows = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1)
        rotation = rows.reshape(-1, 2, 2)
        scales = torch.ones(len(numbers), 2, dtype=numbers.dtype)
        if "scale" in self.kinds:
            common, stretch = _SCALE * numbers[:, 2], _SCALE / 2 * numbers[:, 3]
            scales = torch.stack((common + stretch, common - stretch), 1).exp()
        if "flip" in self.kinds:
            scales = scales * torch.stack((torch.where(numbers[:, 1] > 0, 1.0, -1.0), torch.ones(len(numbers))), 1)
        return rotation * scales[:, None, :]


def random_degrees(normals: Tensor) -> Tensor:
    """Angles distributed uniformly from 0 to 360 degrees, of standard normal numbers.

    >>> random_degrees(torch.zeros(1)).tolist()
    [180.0]
    """
    degrees: Tensor = 360 * torch.special.ndtr(normals)
    return degrees
