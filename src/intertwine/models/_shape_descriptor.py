"""Descriptor of whole shapes: invariants that need no training, before a layer that is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud
from intertwine.groups import O3
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.ops import (
    neighborhood_shape,
    resolve_batch,
    safe_norm,
    segment_mean,
    shell_spectrum,
    soft_histogram,
    standardize_clouds,
)

_BINS = 12
_DISTANCES, _HEIGHTS = 6, 12
_SHARES = (1 / 3, 1 / 2)
"""The largest shares of the shortest and of the middle axis of a neighborhood."""


class ShapeDescriptor(nn.Module):
    """Rotation-invariant descriptor of a cloud of points: what a whole shape looks like, whatever its pose and size.

    The power spectrum of radial shells, histograms of the shapes of the neighborhoods, and for each vector of the
    points (a normal, the vertical) the joint histogram of distance from the center and height along the vector; then
    batch normalization, dropout and one layer:

        y = silu(norm(W dropout(norm(spectrum, histograms))))

    Beside an encoder it gives the head of a classifier what sums over local messages learn slowly: where all the points
    are, all at once.

    Args:
        channels: Dimension of the result.
        vectors: How many vectors each point has.
        lmax: Largest degree of the spectrum.
        shells: Number of its shells.
        dropout: Dropout rate of the invariants.

    Law: ``y(g v, s g x + t) = y(v, x)`` for g in O(3), s > 0, and for points in another order.

    Reference: Kazhdan et al., SGP 2003, for the spectrum; Osada et al., Shape distributions, ACM TOG 2002, for
    histograms of geometric functions.

    Example:
        >>> descriptor = ShapeDescriptor(16)
        >>> points, edges = torch.randn(20, 3), torch.randint(0, 20, (2, 60))
        >>> descriptor(None, points, edges).shape
        torch.Size([1, 16])
    """

    def __init__(
        self, channels: int, *, vectors: int = 0, lmax: int = 8, shells: int = 8, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.vectors, self.lmax, self.shells = vectors, lmax, shells
        invariants = (lmax + 1) * shells * (shells + 1) // 2 + 2 * _BINS + vectors * _DISTANCES * _HEIGHTS
        self.layers = nn.Sequential(
            ScalarBatchNorm(invariants),
            nn.Dropout(dropout),
            nn.Linear(invariants, channels, bias=False, dtype=torch.float32),
            ScalarBatchNorm(channels),
            nn.SiLU(),
        )
        self.group = O3()
        self.action_in = PointCloud(max(1, vectors) * self.group.vector)
        self.rep_out: Any = channels * self.group.trivial
        self.action_out = LinearAction(self.rep_out)

    def forward(
        self,
        vectors: Tensor | None,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        num_clouds: int | None = None,
    ) -> Tensor:
        """The descriptor of each cloud.

        Args:
            vectors: ``(N, 3 V)``, or None where the points have none.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row.
            batch: ``(N,)`` cloud of each point, sorted; None for a single one.
            num_clouds: How many.

        Returns:
            ``(num_clouds, channels)``.
        """
        batch, num_clouds = resolve_batch(positions, batch, num_clouds)
        spectrum = shell_spectrum(positions, batch, num_clouds, lmax=self.lmax, shells=self.shells)
        histograms = segment_mean(self._local(vectors, positions, edges, batch, num_clouds), batch, num_clouds)
        described: Tensor = self.layers(torch.cat([spectrum, histograms], 1))
        return described

    def _local(
        self, vectors: Tensor | None, positions: Tensor, edges: Tensor, batch: Tensor, num_clouds: int
    ) -> Tensor:
        """``(N, bins)`` the bins that each point is in."""
        shape = neighborhood_shape(positions, edges)
        bins = [soft_histogram(shape[:, axis], 0.0, largest, _BINS) for axis, largest in enumerate(_SHARES)]
        if self.vectors:
            assert vectors is not None, "there are vectors where some are declared"
            points = standardize_clouds(positions, batch, num_clouds)
            heights = (vectors.unflatten(1, (self.vectors, 3)) * points[:, None]).sum(2)
            distances = soft_histogram(safe_norm(points), 0.0, 2.0, _DISTANCES)
            joint = distances[:, None, :, None] * soft_histogram(heights, -2.0, 2.0, _HEIGHTS)[:, :, None, :]
            bins.append(joint.flatten(1))
        return torch.cat(bins, 1)
