"""Extrema of differences of Gaussians over position and scale, refined by a quadratic fit."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_STEPS = 5
_BORDER = 5


class Extrema(NamedTuple):
    """Extrema of one octave.

    Attributes:
        positions: ``(N, 2)``, x and y in pixels of the octave.
        levels: ``(N,)``, the level, with its fraction.
        responses: ``(N,)``, the absolute value of the difference of Gaussians.
    """

    positions: Tensor
    levels: Tensor
    responses: Tensor


def find_extrema(levels: Tensor, contrast_threshold: float, edge_threshold: float) -> Extrema:
    """The extrema of the differences of adjacent levels over their 26 neighbors.

    Args:
        levels: ``(L, height, width)``.
        contrast_threshold: The least absolute value at the refined position.
        edge_threshold: The largest ratio r of the principal curvatures: ``Tr(H)^2 / Det(H) < (r + 1)^2 / r``.
    """
    difference = levels[1:] - levels[:-1]
    index = _candidates(difference, contrast_threshold / 2)
    index, offset, gradient, hessian, center = _refine(difference, index)
    value = center + 0.5 * (gradient * offset).sum(1)
    trace = hessian[:, 1, 1] + hessian[:, 2, 2]
    determinant = hessian[:, 1, 1] * hessian[:, 2, 2] - hessian[:, 1, 2].square()
    bound = (edge_threshold + 1) ** 2 / edge_threshold
    kept = (value.abs() >= contrast_threshold) & (determinant > 0) & (trace.square() < bound * determinant)
    found = (index + offset)[kept]
    return Extrema(found[:, [2, 1]], found[:, 0], value[kept].abs())


def _candidates(difference: Tensor, threshold: float) -> Tensor:
    """Indices ``(N, 3)`` of level, row and column of extrema away from the border.

    The 26 neighbors are looked at one after the other, each only where all before it were passed.
    """
    _, height, width = difference.shape
    if min(height, width) <= 2 * _BORDER:
        return torch.zeros(0, 3, dtype=torch.int64)
    large = torch.zeros_like(difference, dtype=torch.bool)
    inner = (slice(1, -1), slice(_BORDER, height - _BORDER), slice(_BORDER, width - _BORDER))
    torch.gt(difference[inner].abs(), threshold, out=large[inner])
    place = large.reshape(-1).nonzero()[:, 0]
    flat = difference.reshape(-1)
    value = flat.index_select(0, place)
    # A minimum is a maximum of the negative values.
    sign = value.sign()
    value = value.abs()
    for step in _neighbor_steps(height, width):
        kept = (value >= sign * flat.index_select(0, place + step)).nonzero()[:, 0]
        place, sign, value = place[kept], sign[kept], value[kept]
    return torch.stack((place // (height * width), place // width % height, place % width), 1)


def _neighbor_steps(height: int, width: int) -> list[int]:
    """Offsets of the 26 neighbors in a flat array, the nearest in the image first."""
    axis = (-1, 0, 1)
    steps = [(abs(k) + abs(i) + abs(j), k * height * width + i * width + j) for k in axis for i in axis for j in axis]
    return [step for count, step in sorted(steps) if count]


def _refine(difference: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The extrema of quadratic fits: steps to the next pixel while an offset is above one half."""
    shape = torch.tensor(difference.shape)
    low, high = torch.tensor([1, _BORDER, _BORDER]), shape - torch.tensor([2, _BORDER + 1, _BORDER + 1])
    order, found = torch.arange(len(index)), []
    for _ in range(_STEPS + 1):
        center, gradient, hessian = _derivatives(difference, index)
        offset = -_solve(hessian, gradient)
        done = (offset.abs() <= 0.5).all(1)
        found.append([part[done] for part in (order, index, offset, gradient, hessian, center)])
        index = index + offset.clamp(-1e6, 1e6).round().to(torch.int64)
        left = ~done & ((index >= low) & (index <= high)).all(1)
        order, index = order[left], index[left]
        if not len(index):
            break
    places, *parts = (torch.cat(values) for values in zip(*found, strict=True))
    sequence = places.argsort()
    index, offset, gradient, hessian, center = (part[sequence] for part in parts)
    return index, offset, gradient, hessian, center


def _solve(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Solutions of 3 x 3 systems; infinite where there is none."""
    solution, failed = torch.linalg.solve_ex(matrices, vectors[..., None])
    return torch.where((failed != 0)[:, None], torch.inf, solution[..., 0]).nan_to_num(1e6, 1e6, -1e6)


def _derivatives(difference: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values ``(N,)``, gradients ``(N, 3)`` and second derivatives ``(N, 3, 3)`` by central differences."""
    _, height, width = difference.shape
    strides = (height * width, width, 1)
    flat = difference.reshape(-1)
    place = index @ torch.tensor(strides)
    center = flat[place]
    gradient = torch.stack([(flat[place + s] - flat[place - s]) / 2 for s in strides], 1)
    hessian = difference.new_zeros(len(index), 3, 3)
    for i, s in enumerate(strides):
        hessian[:, i, i] = flat[place + s] + flat[place - s] - 2 * center
        for j, t in enumerate(strides[:i]):
            mixed = (flat[place + s + t] - flat[place + s - t] - flat[place - s + t] + flat[place - s - t]) / 4
            hessian[:, i, j] = hessian[:, j, i] = mixed
    return center, gradient, hessian
