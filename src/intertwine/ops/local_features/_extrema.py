"""Extrema of differences of Gaussians over position and scale, refined by a quadratic fit."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

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
    """Indices ``(N, 3)`` of level, row and column of extrema away from the border."""
    _, height, width = difference.shape
    if min(height, width) <= 2 * _BORDER:
        return torch.zeros(0, 3, dtype=torch.int64)

    def largest(values: Tensor) -> Tensor:
        over = torch.maximum(torch.maximum(values[:-2], values[1:-1]), values[2:])
        return functional.max_pool2d(over[None], 3, 1, 1)[0]

    inner = difference[1:-1]
    extreme = ((inner > threshold) & (inner >= largest(difference))) | (
        (inner < -threshold) & (inner <= -largest(-difference))
    )
    border = torch.zeros_like(extreme)
    border[:, _BORDER : height - _BORDER, _BORDER : width - _BORDER] = True
    found = (extreme & border).nonzero()
    return found + torch.tensor([1, 0, 0])


def _refine(difference: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The extrema of quadratic fits: steps to the next pixel while an offset is above one half."""
    shape = torch.tensor(difference.shape)
    low, high = torch.tensor([1, _BORDER, _BORDER]), shape - torch.tensor([2, _BORDER + 1, _BORDER + 1])
    done = torch.zeros(len(index), dtype=torch.bool)
    alive = torch.ones(len(index), dtype=torch.bool)
    for _ in range(_STEPS):
        center, gradient, hessian = _derivatives(difference, index)
        offset = -_solve(hessian, gradient)
        done = done | (offset.abs() <= 0.5).all(1)
        move = torch.where(done[:, None], 0, offset.clamp(-1e6, 1e6).round().to(torch.int64))
        alive = alive & ((index + move >= low) & (index + move <= high)).all(1)
        index = torch.where(alive[:, None], index + move, index)
    center, gradient, hessian = _derivatives(difference, index)
    offset = -_solve(hessian, gradient)
    kept = alive & (offset.abs() <= 0.5 + 1e-6).all(1)
    return index[kept], offset[kept], gradient[kept], hessian[kept], center[kept]


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
