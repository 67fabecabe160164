"""Power spectra of a point cloud and of its normals: spherical harmonics on radial shells."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from intertwine.ops.descriptors._histograms import soft_histogram
from intertwine.ops.functions import safe_norm, safe_normalize, spherical_harmonics
from intertwine.ops.graph import segment_mean, segment_outer, segment_sum

_RADII = (0.15, 2.0)
"""Radii of the first and the last shell, in units of the root mean square radius."""
_SMALL = 1e-4
"""Powers below which the square root becomes linear."""


def standardize_clouds(positions: Tensor, batch: Tensor, num_clouds: int) -> Tensor:
    """Positions about the mean of their cloud, in units of its root mean square radius.

    Args:
        positions: ``(N, 3)``.
        batch: ``(N,)`` cloud of each point.
        num_clouds: How many clouds there are.

    Returns:
        ``(N, 3)``.
    """
    centered = positions - segment_mean(positions, batch, num_clouds).index_select(0, batch)
    scale = segment_mean(centered.square().sum(1, keepdim=True), batch, num_clouds)
    return centered * torch.rsqrt(scale.clamp_min(torch.finfo(scale.dtype).tiny)).index_select(0, batch)


def shell_spectrum(
    positions: Tensor,
    batch: Tensor,
    num_clouds: int,
    *,
    lmax: int = 8,
    shells: int = 8,
    normals: Tensor | None = None,
) -> Tensor:
    """Rotation-invariant products of the spherical harmonics of a cloud on radial shells.

        a_rlm = mean_i w_r(|x_i|) Y_lm(x_i / |x_i|),     p_lrs = sum_m a_rlm a_slm / (2 l + 1),     r <= s

    with Gaussian shells w_r and positions from `standardize_clouds`; the result is p / (p^2 + 1e-8)^(1/4), a square
    root that keeps the sign and is smooth at zero. Normals double the shells: each comes again with the weight
    ``(n_i . x_i)^2 / |x_i|^2``, which tells surfaces that face the center from those seen edge on.

    Args:
        positions: ``(N, 3)``.
        batch: ``(N,)`` cloud of each point, sorted.
        num_clouds: How many clouds there are.
        lmax: Largest degree.
        shells: Number of shells.
        normals: ``(N, 3)`` unit normals up to sign; None for positions alone.

    Returns:
        ``(num_clouds, (lmax + 1) * S * (S + 1) / 2)``, degree by degree, S = shells, or twice as many with normals.

    Law: the same for ``(s Q x + t, ±Q n)``, Q in O(3), s > 0, and for points in another order.

    Cost: ``N * S * (lmax + 1)^2`` multiplications.

    Reference: Kazhdan, Funkhouser and Rusinkiewicz, Rotation invariant spherical harmonic representation of 3D shape
    descriptors, SGP 2003, section 4; products of different shells as in Bartok, Kondor and Csanyi, On representing
    chemical environments, Physical Review B 2013, equation 34.

    Example:
        >>> points = torch.randn(40, 3, dtype=torch.float64)
        >>> one = torch.zeros(40, dtype=torch.int64)
        >>> spectrum = shell_spectrum(points, one, 1)
        >>> torch.allclose(spectrum, shell_spectrum(points[:, [1, 2, 0]].flip(0) * 3 + 1, one, 1))
        True
    """
    points = standardize_clouds(positions, batch, num_clouds)
    weights = soft_histogram(safe_norm(points), *_RADII, shells)
    if normals is not None:
        facing = (safe_normalize(points) * normals).sum(1, keepdim=True).square()
        weights = torch.cat([weights, weights * facing], 1)
    return _power_spectrum(weights, spherical_harmonics(lmax, points), range(lmax + 1), batch, num_clouds)


def normal_spectrum(
    positions: Tensor, normals: Tensor, batch: Tensor, num_clouds: int, *, lmax: int = 8, shells: int = 6
) -> Tensor:
    """Rotation-invariant products of the spherical harmonics of the normals of a cloud, on radial shells.

        a_rlm = mean_i w_r(|x_i|) Y_lm(n_i),     p_lrs = sum_m a_rlm a_slm / (2 l + 1),     r <= s,  l = 2, 4, ... lmax

    Even degrees do not know the sign of a normal. The result is the same square root as that of `shell_spectrum`.

    Args:
        positions: ``(N, 3)``.
        normals: ``(N, 3)`` unit normals up to sign.
        batch: ``(N,)`` cloud of each point, sorted.
        num_clouds: How many clouds there are.
        lmax: Largest degree, two at least.
        shells: Number of shells.

    Returns:
        ``(num_clouds, (lmax // 2) * shells * (shells + 1) / 2)``, degree by degree.

    Law: the same for ``(s Q x + t, ±Q n)``, Q in O(3), s > 0, and for points in another order.

    Reference: Horn, Extended Gaussian images, Proceedings of the IEEE 1984, for the distribution of normals; Kazhdan et
    al., SGP 2003, for its spectrum.

    Example:
        >>> points, normals = torch.randn(2, 40, 3), torch.eye(3)[torch.arange(80) % 3].reshape(2, 40, 3)
        >>> normal_spectrum(points[0], normals[0], torch.zeros(40, dtype=torch.int64), 1).shape
        torch.Size([1, 84])
    """
    points = standardize_clouds(positions, batch, num_clouds)
    weights = soft_histogram(safe_norm(points), *_RADII, shells)
    return _power_spectrum(weights, spherical_harmonics(lmax, normals), range(2, lmax + 1, 2), batch, num_clouds)


def _power_spectrum(
    weights: Tensor, harmonics: Tensor, degrees: Iterable[int], batch: Tensor, num_clouds: int
) -> Tensor:
    """Square roots of the products of all pairs of weights (N, S), for these degrees of harmonics (N, (lmax + 1)^2)."""
    counts = segment_sum(torch.ones_like(weights[:, :1]), batch, num_clouds).clamp_min(1)
    coefficients = segment_outer(weights, harmonics, batch, num_clouds) / counts[:, :, None]
    rows, columns = torch.triu_indices(weights.shape[1], weights.shape[1], device=weights.device)
    powers = []
    for degree in degrees:
        block = coefficients[:, :, degree**2 : (degree + 1) ** 2]
        gram = block @ block.mT / (2 * degree + 1)
        powers.append(gram[:, rows, columns])
    power = torch.cat(powers, 1)
    return power * (power.square() + _SMALL**2) ** -0.25
