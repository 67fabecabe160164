"""Descriptor of whole shapes: invariants that need no training, before a layer that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud
from intertwine.groups import O3
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.ops import (
    neighborhood_shape,
    normal_spectrum,
    pair_histogram,
    resolve_batch,
    safe_norm,
    segment_mean,
    shell_spectrum,
    soft_histogram,
    standardize_clouds,
    surface_histogram,
)

_BINS = 12
_DISTANCES, _HEIGHTS, _COSINES = 6, 12, 4
_SHARES = (1 / 3, 1 / 2)
"""The largest shares of the shortest and of the middle axis of a neighborhood."""
_PAIR_BINS, _SURFACE_BINS = 448, 96


class ShapeDescriptor(nn.Module):
    """Rotation-invariant descriptor of a cloud of points: what a whole shape looks like, whatever its pose and size.

    Invariants that need no training, batch normalization, dropout and one layer:

        y = silu(norm(W dropout(norm(invariants))))

    Of positions alone they are the power spectrum of radial shells and histograms of the shapes of the neighborhoods.
    With normals, known up to sign, they are the spectra of positions and normals on shells, the joint histogram of
    distances and angles between pairs of points, and histograms of the second moments of neighborhoods, each kind with
    the same total weight. For each further vector of the points (an oriented normal, the
    vertical) there is the joint histogram of distance from the center and height along the vector.

    Beside an encoder it gives the head of a classifier what sums over local messages learn slowly: where all the points
    are, all at once.

    Args:
        channels: Dimension of the result.
        vectors: How many vectors each point has.
        normals: How many unit normals up to sign there are before those, such as one of the file and an estimated one.
        lmax: Largest degree of the spectra.
        shells: Number of their shells.
        landmarks: Points of each cloud whose pairs with all others are counted, with normals.
        dropout: Dropout rate of the invariants.

    Law: ``y((±g n, g v), s g x + t) = y((n, v), x)`` for g in O(3), s > 0, and for points in another order; with
    normals except where two distances are equal that decide which points are landmarks.

    Reference: Kazhdan et al., SGP 2003, for the spectrum; Osada et al., Shape distributions, ACM TOG 2002, for
    histograms of geometric functions; Drost et al., CVPR 2010, for pairs of oriented points.

    Example:
        >>> descriptor = ShapeDescriptor(16)
        >>> points, edges = torch.randn(20, 3), torch.randint(0, 20, (2, 60))
        >>> descriptor(None, points, edges).shape
        torch.Size([1, 16])
    """

    def __init__(
        self,
        channels: int,
        *,
        vectors: int = 0,
        normals: int = 0,
        lmax: int = 8,
        shells: int = 8,
        landmarks: int = 16,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.vectors, self.normals, self.lmax, self.shells, self.landmarks = vectors, normals, lmax, shells, landmarks
        positions = [(lmax + 1) * shells * (shells + 1) // 2 + 2 * _BINS]
        kinds = [
            *(_surface_sizes(lmax, shells) * normals if normals else positions),
            *[_DISTANCES * _HEIGHTS + (normals > 0) * _HEIGHTS * _COSINES] * vectors,
        ]
        invariants = sum(kinds)
        self.layers = nn.Sequential(
            ScalarBatchNorm(invariants),
            nn.Dropout(dropout),
            nn.Linear(invariants, channels, bias=False, dtype=torch.float32),
            ScalarBatchNorm(channels),
            nn.SiLU(),
        )
        if normals:
            self.layers.insert(1, _EqualWeights(kinds))
        self.group = O3()
        self.action_in = PointCloud(max(1, vectors + normals) * self.group.vector)
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
            vectors: ``(N, 3 (normals + V))``, or None where the points have none.
            positions: ``(N, 3)``.
            edges: ``(2, E)``, source row over target row.
            batch: ``(N,)`` cloud of each point, sorted; None for a single one.
            num_clouds: How many.

        Returns:
            ``(num_clouds, channels)``.
        """
        batch, num_clouds = resolve_batch(positions, batch, num_clouds)
        vectors = positions[:, :0] if vectors is None else vectors
        assert vectors.shape[1] == 3 * (self.normals + self.vectors), "there are vectors where some are declared"
        given = vectors.unflatten(1, (self.normals + self.vectors, 3))
        normals, vectors = given[:, : self.normals].unbind(1), given[:, self.normals :]
        invariants = [
            part for each in normals for part in self._surface(positions, each, edges, batch, num_clouds)
        ] or self._shape(positions, edges, batch, num_clouds)
        if self.vectors:
            heights = self._heights(vectors, normals[0] if normals else None, positions, batch, num_clouds)
            invariants.append(segment_mean(heights, batch, num_clouds))
        described: Tensor = self.layers(torch.cat(invariants, 1))
        return described

    def _shape(self, positions: Tensor, edges: Tensor, batch: Tensor, num_clouds: int) -> list[Tensor]:
        """Invariants of the positions alone."""
        shape = neighborhood_shape(positions, edges)
        bins = [soft_histogram(shape[:, axis], 0.0, largest, _BINS) for axis, largest in enumerate(_SHARES)]
        spectrum = shell_spectrum(positions, batch, num_clouds, lmax=self.lmax, shells=self.shells)
        return [spectrum, segment_mean(torch.cat(bins, 1), batch, num_clouds)]

    def _surface(
        self, positions: Tensor, normals: Tensor, edges: Tensor, batch: Tensor, num_clouds: int
    ) -> list[Tensor]:
        """Invariants of positions and normals."""
        sizes = {"lmax": self.lmax, "shells": self.shells}
        return [
            shell_spectrum(positions, batch, num_clouds, normals=normals, **sizes),
            normal_spectrum(positions, normals, batch, num_clouds, **sizes),
            pair_histogram(positions, normals, batch, num_clouds, landmarks=self.landmarks),
            surface_histogram(positions, normals, edges, batch, num_clouds),
        ]

    def _heights(
        self, vectors: Tensor, normals: Tensor | None, positions: Tensor, batch: Tensor, num_clouds: int
    ) -> Tensor:
        """``(N, bins)`` of each point: distance and height along each vector; height and angle to the normal."""
        points = standardize_clouds(positions, batch, num_clouds)
        heights = soft_histogram((vectors * points[:, None]).sum(2), -2.0, 2.0, _HEIGHTS)
        distances = soft_histogram(safe_norm(points), 0.0, 2.0, _DISTANCES)
        joint = [(distances[:, None, :, None] * heights[:, :, None, :]).flatten(2)]
        if normals is not None:
            angles = soft_histogram((vectors * normals[:, None]).sum(2).square(), 0.0, 1.0, _COSINES)
            joint.append((angles[..., :, None] * heights[..., None, :]).flatten(2))
        return torch.cat(joint, 2).flatten(1)


class _EqualWeights(nn.Module):
    """Factors that give each kind of invariants, all of variance one, the same share of the total variance."""

    factors: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        share = sum(sizes) / len(sizes)
        factors = torch.cat([torch.full((size,), (share / size) ** 0.5) for size in sizes])
        self.register_buffer("factors", factors, persistent=False)

    def forward(self, invariants: Tensor) -> Tensor:
        return invariants * self.factors


def _surface_sizes(lmax: int, shells: int) -> list[int]:
    """How many invariants there are of each kind, with normals."""
    spectrum = (lmax + 1) * shells * (2 * shells + 1)
    return [spectrum, (lmax // 2) * shells * (shells + 1) // 2, _PAIR_BINS, _SURFACE_BINS]
