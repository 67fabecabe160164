"""SIFT descriptors: histograms of the gradient in the frame of each keypoint."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from intertwine.ops.local_features._orientation import PADDING

CELLS, BINS = 4, 8
_CELL_SCALES = 3.0
"""The width of a cell, in scales."""
_SAMPLES_PER_CELL = 4
_CLIP = 0.2
_CHUNK = 512


def describe(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor, angles: Tensor) -> Tensor:
    """Descriptors of 4 x 4 cells with 8 orientations, from the gradient on a grid that turns with the keypoint.

    The gradient at the ``20 x 20`` points is bilinear; each vote is shared among the next cells and bins (trilinear),
    with a Gaussian weight of half the width. The vector is normalized, clipped at 0.2, and normalized again.

    Args:
        gradient: What `gradients` gives.
        positions: ``(N, 2)``, in pixels of the images.
        levels: ``(N,)``, int64.
        scales: ``(N,)``, in pixels of the images.
        angles: ``(N,)``, radians.

    Returns:
        ``(N, 128)`` in the order row, column, orientation, as OpenCV has it.

    Reference: Lowe, IJCV 60 (2004) 91, section 6.
    """
    parts = zip(*(values.split(_CHUNK) for values in (positions, levels, scales, angles)), strict=True)
    found = [_describe(gradient, *part) for part in parts]
    return torch.cat(found) if found else positions.new_zeros(0, CELLS * CELLS * BINS)


def _describe(gradient: Tensor, positions: Tensor, levels: Tensor, scales: Tensor, angles: Tensor) -> Tensor:
    side = (CELLS + 1) * _SAMPLES_PER_CELL
    axis = (torch.arange(side, dtype=positions.dtype) + 0.5) / _SAMPLES_PER_CELL - (CELLS + 1) / 2
    v, u = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing="ij"))
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    width = _CELL_SCALES * scales[:, None]
    x = positions[:, :1] + width * (cosine * u - sine * v)
    y = positions[:, 1:] + width * (sine * u + cosine * v)
    found = _bilinear(gradient, levels, x, y)
    weight = found.abs() * torch.exp(-(u**2 + v**2) / (CELLS**2 / 2))
    # Orientations increase against the angles of the image, as in OpenCV's layout.
    turn = torch.remainder((angles[:, None] - found.angle()) * BINS / (2 * pi), BINS)
    low = turn.floor()
    share = turn - low
    low = low.to(torch.int64) % BINS
    cells = _cell_shares(u, v)
    votes = positions.new_zeros(len(positions), len(u), BINS)
    votes.scatter_(2, low[..., None], (weight * (1 - share))[..., None])
    votes.scatter_add_(2, ((low + 1) % BINS)[..., None], (weight * share)[..., None])
    histogram = torch.einsum("cs,nsb->ncb", cells, votes).flatten(1)
    tiny = torch.finfo(positions.dtype).tiny
    histogram = histogram / histogram.norm(dim=1, keepdim=True).clamp_min(tiny)
    histogram = histogram.clamp_max(_CLIP)
    result: Tensor = histogram / histogram.norm(dim=1, keepdim=True).clamp_min(tiny)
    return result


def _cell_shares(u: Tensor, v: Tensor) -> Tensor:
    """``(16, samples)``: how much of a sample goes to each cell."""
    centers = torch.arange(CELLS, dtype=u.dtype) - (CELLS - 1) / 2
    across, down = ((1 - (part - centers[:, None]).abs()).clamp_min(0) for part in (u, v))
    return (down[:, None] * across[None]).flatten(0, 1)


def _bilinear(gradient: Tensor, levels: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The complex gradient at points ``(N, S)`` of levels ``(N,)``, zero outside."""
    _, height, width = gradient.shape
    column, row = x.floor(), y.floor()
    fx, fy = x - column, y - row
    column, row = (column + PADDING).clamp(0, width - 2), (row + PADDING).clamp(0, height - 2)
    place = (levels[:, None] * (height * width) + row.to(torch.int64) * width + column.to(torch.int64)).reshape(-1)
    taps = ((0, (1 - fx) * (1 - fy)), (1, fx * (1 - fy)), (width, (1 - fx) * fy), (width + 1, fx * fy))
    flat = gradient.reshape(-1)
    found = torch.zeros_like(x, dtype=gradient.dtype)
    for step, weight in taps:
        found.addcmul_(flat.index_select(0, place + step).view_as(x), weight.to(gradient.dtype))
    return found
