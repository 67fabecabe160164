"""Batches of clouds side by side as padded tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Padded(NamedTuple):
    """The points of some clouds, one cloud a row: features ``(B, n, C)``, positions ``(B, n, 3)``, mask ``(B, n)``.

    Where the mask is False there is no point, and features and positions are zero.
    """

    features: Tensor
    positions: Tensor
    mask: Tensor

    def mean(self) -> Tensor:
        """The mean features of each cloud, ``(B, 1, C)``."""
        return self.features.sum(1, keepdim=True) / self.mask.sum(1)[:, None, None].clamp_min(1)

    def exchanged(self) -> Padded:
        """The second half of the clouds before the first one."""
        half = len(self.mask) // 2
        return Padded(*(part.roll(half, 0) for part in self))

    def replaced(self, features: Tensor) -> Padded:
        """The same points with other features, zero in padding."""
        return self._replace(features=features * self.mask[..., None])


def padded(features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Padded:
    """The points of each cloud in a row of their own.

    Args:
        features: ``(N, C)``.
        positions: ``(N, 3)``.
        batch: ``(N,)``, the cloud of each point, in any order.
        structures: Number of clouds.
    """
    order = batch.argsort(stable=True)
    counts = torch.bincount(batch, minlength=structures)
    place = torch.arange(len(batch), device=batch.device) - (counts.cumsum(0) - counts)[batch[order]]
    size = structures, int(counts.max()) if len(counts) else 0
    rows = batch[order] * size[1] + place

    def spread(values: Tensor) -> Tensor:
        flat = values.new_zeros(size[0] * size[1], values.shape[1])
        table: Tensor = flat.index_copy(0, rows, values[order]).unflatten(0, size)
        return table

    mask = torch.arange(size[1], device=batch.device) < counts[:, None]
    return Padded(spread(features), spread(positions), mask)
