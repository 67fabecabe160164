"""Dominant orientations of keypoints: peaks of histograms of the gradient."""

from __future__ import annotations

from math import ceil, pi

import torch
from torch import Tensor

_BINS = 36
_PEAK = 0.8
_SMOOTHING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_CHUNK = 512
PADDING = 48
"""Pixels around the gradient: no window reaches beyond."""


def gradients(images: Tensor) -> Tensor:
    """Central differences along x and y, zero at the border and around it.

    Args:
        images: ``(L, height, width)``.

    Returns:
        ``(L, height + 2 PADDING, width + 2 PADDING)`` complex, ``d/dx + i d/dy``: one number to look up.
    """
    count, height, width = images.shape
    result = images.new_zeros(count, height + 2 * PADDING, width + 2 * PADDING, 2)
    inner = result[:, PADDING : PADDING + height, PADDING : PADDING + width]
    torch.sub(images[:, :, 2:], images[:, :, :-2], out=inner[:, :, 1:-1, 0])
    torch.sub(images[:, 2:, :], images[:, :-2, :], out=inner[:, 1:-1, :, 1])
    inner.mul_(0.5)
    return torch.view_as_complex(result)


def orientations(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """All orientations whose peak is at least 0.8 of the highest.

    Votes are shared between the two next bins, so that the angle is a continuous function of the image.

    Args:
        gradient: What `gradients` gives.
        positions: ``(N, 2)`` in pixels of the images.
        levels: ``(N,)``, int64.
        scales: ``(N,)`` in pixels of the images.

    Returns:
        The index ``(M,)`` of the keypoint of each orientation, and angles ``(M,)`` in radians.
    """
    if len(positions) == 0:
        return torch.zeros(0, dtype=torch.int64), positions.new_zeros(0)
    order = scales.argsort()  # windows of one chunk have the size of its largest
    parts = zip(*(values[order].split(_CHUNK) for values in (positions, levels, scales)), strict=True)
    histogram = torch.cat([_histogram(gradient, *part) for part in parts])[order.argsort()]
    smooth = torch.stack([w * histogram.roll(shift - 2, 1) for shift, w in enumerate(_SMOOTHING)]).sum(0)
    left, right = smooth.roll(1, 1), smooth.roll(-1, 1)
    peak = (smooth > left) & (smooth > right) & (smooth >= _PEAK * smooth.amax(1, keepdim=True))
    keypoint, place = peak.nonzero(as_tuple=True)
    a, b, c = left[peak], smooth[peak], right[peak]
    angle = (place + 0.5 * (a - c) / (a - 2 * b + c)) * 2 * pi / _BINS
    return keypoint, torch.remainder(angle, 2 * pi)


def _histogram(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor) -> Tensor:
    """Histograms ``(N, 36)`` within 3 x 1.5 scales, with a Gaussian weight of 1.5 scales."""
    _, height, width = gradient.shape
    sigma = 1.5 * scales[:, None]
    reach = min(ceil(float(3 * sigma.max())), PADDING)
    axis = torch.arange(-reach, reach + 1)
    y, x = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing="ij"))
    nearest = positions.round()
    column, row = (nearest + PADDING).to(torch.int64).unbind(1)
    place = ((levels * height + row) * width + column)[:, None] + (y * width + x)
    rest = positions - nearest
    distance = (x - rest[:, :1]).square() + (y - rest[:, 1:]).square()
    found = gradient.reshape(-1).index_select(0, place.reshape(-1)).view_as(place)
    vote = found.abs() * torch.exp(-distance / (2 * sigma.square())) * (distance <= (3 * sigma).square())
    bins = torch.remainder(found.angle() * (_BINS / (2 * pi)), _BINS)
    low = bins.floor()
    upper = vote * (bins - low)
    low = low.to(torch.int64)  # a bin of 36, where rounding gives it, is bin 0
    result = positions.new_zeros(len(positions), _BINS + 2)
    result.scatter_add_(1, low, vote - upper).scatter_add_(1, low + 1, upper)
    result[:, :2] += result[:, _BINS:]
    return result[:, :_BINS]
