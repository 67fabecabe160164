"""Dominant orientations of keypoints: peaks of histograms of the gradient."""

from __future__ import annotations

from math import ceil, pi

import torch
from torch import Tensor

_BINS = 36
_PEAK = 0.8
_SMOOTHING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_CHUNK = 512


def gradients(images: Tensor) -> Tensor:
    """Central differences along x and y, zero at the border.

    Args:
        images: ``(L, height, width)``.

    Returns:
        ``(2, L, height, width)``.
    """
    result = images.new_zeros(2, *images.shape)
    result[0, :, :, 1:-1] = (images[:, :, 2:] - images[:, :, :-2]) / 2
    result[1, :, 1:-1, :] = (images[:, 2:, :] - images[:, :-2, :]) / 2
    return result


def orientations(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """All orientations whose peak is at least 0.8 of the highest.

    Votes are shared between the two next bins, so that the angle is a continuous function of the image.

    Args:
        gradient: ``(2, L, height, width)``.
        positions: ``(N, 2)`` in pixels of the gradient.
        levels: ``(N,)``, int64.
        scales: ``(N,)`` in pixels of the gradient.

    Returns:
        The index ``(M,)`` of the keypoint of each orientation, and angles ``(M,)`` in radians.
    """
    if len(positions) == 0:
        return torch.zeros(0, dtype=torch.int64), positions.new_zeros(0)
    parts = zip(positions.split(_CHUNK), levels.split(_CHUNK), scales.split(_CHUNK), strict=True)
    histogram = torch.cat([_histogram(gradient, *part) for part in parts])
    smooth = torch.stack([w * histogram.roll(shift - 2, 1) for shift, w in enumerate(_SMOOTHING)]).sum(0)
    left, right = smooth.roll(1, 1), smooth.roll(-1, 1)
    peak = (smooth > left) & (smooth > right) & (smooth >= _PEAK * smooth.amax(1, keepdim=True))
    keypoint, place = peak.nonzero(as_tuple=True)
    a, b, c = left[peak], smooth[peak], right[peak]
    angle = (place + 0.5 * (a - c) / (a - 2 * b + c)) * 2 * pi / _BINS
    return keypoint, torch.remainder(angle, 2 * pi)


def _histogram(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor) -> Tensor:
    """Histograms ``(N, 36)`` within 3 x 1.5 scales, with a Gaussian weight of 1.5 scales."""
    _, _, height, width = gradient.shape
    sigma = 1.5 * scales[:, None]
    reach = ceil(float(3 * sigma.max()))
    axis = torch.arange(-reach, reach + 1)
    y, x = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing="ij"))
    column, row = (positions.round().to(torch.int64)[:, i, None] + d for i, d in enumerate((x, y)))
    distance = (column - positions[:, :1]).square() + (row - positions[:, 1:]).square()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (distance <= (3 * sigma).square())
    place = (levels[:, None] * height + row.clamp(0, height - 1)) * width + column.clamp(0, width - 1)
    dx, dy = (part.reshape(-1)[place] for part in gradient)
    vote = torch.hypot(dx, dy) * torch.exp(-distance / (2 * sigma.square())) * inside
    bins = torch.remainder(torch.atan2(dy, dx) * _BINS / (2 * pi), _BINS)
    low = bins.floor()
    share = bins - low
    low = low.to(torch.int64) % _BINS
    result = gradient.new_zeros(len(positions), _BINS)
    result.scatter_add_(1, low, vote * (1 - share))
    return result.scatter_add_(1, (low + 1) % _BINS, vote * share)
