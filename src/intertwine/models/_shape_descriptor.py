"""Descriptor of whole shapes: invariants that need no training, before a layer that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud
from intertwine.groups import O3
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.nn.norm import is_distributed, synchronize_moments
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
_EPS = 1e-5
"""Added to a variance, as in batch normalization."""


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
        normals: How many kinds of unit normals up to sign there are, such as those of a mesh and those that are
            estimated from the points; 0 for none. Each kind has a place of its own before the vectors; a point has a
            normal in one of them and zeros in the others. The invariants of a cloud are standardized by the statistics,
            a scale and a shift of the kind that most of its points have; so the result is told the kind.
        lmax: Largest degree of the spectra.
        shells: Number of their shells.
        landmarks: Points of each cloud whose pairs with all others are counted, with normals.
        dropout: Dropout rate of the invariants.

    Law: ``y((±g n, g v), s g x + t) = y((n, v), x)`` for g in O(3), s > 0, and for points in another order; with
    normals except where two distances are equal that decide which points are landmarks.

    Reference: Kazhdan et al., SGP 2003, for the spectrum; Osada et al., Shape distributions, ACM TOG 2002, for
    histograms of geometric functions; Drost et al., CVPR 2010, for pairs of oriented points; Chang et al.,
    Domain-specific batch normalization for unsupervised domain adaptation, CVPR 2019, for kinds of normals.

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
        self.vectors, self.lmax, self.shells, self.landmarks = vectors, lmax, shells, landmarks
        self.normals = int(normals)  # True where there was one kind only
        kinds = [
            *(_surface_sizes(lmax, shells) if normals else [(lmax + 1) * shells * (shells + 1) // 2 + 2 * _BINS]),
            *[_DISTANCES * _HEIGHTS + bool(normals) * _HEIGHTS * _COSINES] * vectors,
        ]
        invariants = sum(kinds)
        self.layers = nn.Sequential(
            _NormByKind(invariants, normals) if normals > 1 else ScalarBatchNorm(invariants),
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
        normals = kind = None
        if self.normals:
            assert vectors is not None, "there are vectors where some are declared"
            first, vectors = vectors.tensor_split([3 * self.normals], 1)
            by_kind = first.unflatten(1, (self.normals, 3))
            normals = by_kind.sum(1)
            kind = segment_mean(by_kind.square().sum(2), batch, num_clouds).argmax(1)
        spectrum = shell_spectrum(positions, batch, num_clouds, lmax=self.lmax, shells=self.shells, normals=normals)
        if normals is None:
            shape = neighborhood_shape(positions, edges)
            bins = [soft_histogram(shape[:, axis], 0.0, largest, _BINS) for axis, largest in enumerate(_SHARES)]
            invariants = [spectrum, segment_mean(torch.cat(bins, 1), batch, num_clouds)]
        else:
            invariants = [
                spectrum,
                normal_spectrum(positions, normals, batch, num_clouds, lmax=self.lmax, shells=self.shells),
                pair_histogram(positions, normals, batch, num_clouds, landmarks=self.landmarks),
                surface_histogram(positions, normals, edges, batch, num_clouds),
            ]
        if self.vectors:
            assert vectors is not None, "there are vectors where some are declared"
            heights = self._heights(vectors.unflatten(1, (self.vectors, 3)), normals, positions, batch, num_clouds)
            invariants.append(segment_mean(heights, batch, num_clouds))
        norm, layers = self.layers[0], self.layers[1:]
        joined = torch.cat(invariants, 1)
        described: Tensor = layers(norm(joined, kind) if self.normals > 1 else norm(joined))
        return described

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


class _NormByKind(nn.Module):
    """Standardization of rows of several kinds, each by the mean and variance of all rows of its kind in training.

        y = scale_k (x - mean_k) / sqrt(variance_k + eps) + shift_k

    for a row of kind k, with a scale and a shift that are trained. A batch has few rows of a kind, so its own
    statistics would be noise; those of all rows before serve because rows are data, which do not drift as weights do.

    Args:
        channels: Number of scalars in a row.
        kinds: How many kinds there are.

    Reference: Chan, Golub, LeVeque, Updating formulae for computing sample variances, 1979.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(kinds, channels, dtype=torch.float32))
        self.shift = nn.Parameter(torch.zeros(kinds, channels, dtype=torch.float32))
        self.register_buffer("mean", torch.zeros(kinds, channels, dtype=torch.float32))
        self.register_buffer("variance", torch.ones(kinds, channels, dtype=torch.float32))
        self.register_buffer("count", torch.zeros(kinds, dtype=torch.float32))

    def forward(self, rows: Tensor, kind: Tensor) -> Tensor:
        """Standardize ``(N, channels)``, row n of kind[n]."""
        if self.training:
            self._update(rows, kind)
        scale = self.scale * torch.rsqrt(self.variance + _EPS)
        shift = self.shift - self.mean * scale
        return rows * scale[kind] + shift[kind]

    @torch.no_grad()
    def _update(self, rows: Tensor, kind: Tensor) -> None:
        """The statistics with those of further rows, of all processes."""
        for number in range(len(self.count)):
            own = rows[kind == number]
            count: float = len(own)
            mean = own.sum(0) / max(count, 1)
            variance = (own - mean).square().sum(0) / max(count, 1)
            if is_distributed():
                mean, variance, count = synchronize_moments(mean, variance, len(own))
            self.count[number] += count
            share = count / self.count[number].clamp_min(1)
            change = mean - self.mean[number]
            self.mean[number] += share * change
            self.variance[number].lerp_(variance, share).add_(share * (1 - share) * change.square())


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
