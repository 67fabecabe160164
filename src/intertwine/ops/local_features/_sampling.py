"""Random keypoints of a score map, drawn one after the other, and the probability of such a sequence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError


class SampledKeypoints(NamedTuple):
    """Keypoints drawn one after the other.

    Attributes:
        pixels: ``(B, T)`` int64, in row-major order.
        valid: ``(B, T)`` bool; False where no pixel was left.
        removed: ``(B, H, W)`` int64, the step after which a pixel is left out: t if the disc about keypoint t covers it
            first, T if none does, -1 if it never was among the candidates.
    """

    pixels: Tensor
    valid: Tensor
    removed: Tensor


def disc_offsets(radius: float) -> Tensor:
    """``(K, 2)`` int64, rows and columns of the pixels of a disc about the origin.

    >>> len(disc_offsets(1.0)), len(disc_offsets(1.5))
    (5, 9)
    """
    reach = int(radius)
    axis = torch.arange(-reach, reach + 1)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).flatten(0, 1)
    return grid[grid.square().sum(1) <= radius**2]


@torch.no_grad()
def sample_keypoints(
    scores: Tensor, candidates: Tensor, count: int, radius: float, noise: Tensor | None = None
) -> SampledKeypoints:
    """Keypoints of score maps, each drawn from the softmax over the pixels that are left.

        k_t ~ exp(H(k)) / sum_{x in M_t} exp(H(x)),      M_{t+1} = M_t minus the disc about k_t

    They are the greedy maxima of ``H + noise``, for noise of the Gumbel distribution: the largest perturbed value of
    any set is distributed as its softmax, whatever was taken out before. Without noise they are the mode: non-maximum
    suppression.

    Args:
        scores: ``(B, H, W)``.
        candidates: ``(B, H, W)`` bool, M_1.
        count: T, the number of keypoints of each map.
        radius: Of the discs, in pixels.
        noise: ``(B, H, W)``, independent Gumbel numbers; None for none.

    Raises:
        UsageError: The shapes do not agree, or the count or the radius is negative.

    Cost: ``B T`` maxima over the pixels.

    Reference: Santellani et al., S-TREK, ICCV 2023, for the sequence; Yellott, J. Math. Psych. 15 (1977) 109, for the
    maxima of perturbed scores.

    Example:
        >>> scores = torch.tensor([[[0.0, 3.0, 2.0, 1.0]]])
        >>> sample_keypoints(scores, torch.ones(1, 1, 4, dtype=torch.bool), 2, 1.0).pixels.tolist()
        [[1, 3]]
    """
    if scores.ndim != 3 or candidates.shape != scores.shape or count < 0 or radius < 0:
        raise UsageError(
            f"expected scores and candidates (B, H, W) of one shape, a count and a radius of at least 0; got "
            f"{tuple(scores.shape)}, {tuple(candidates.shape)}, {count} and {radius}"
        )
    size, height, width = scores.shape
    perturbed = scores if noise is None else scores + noise
    left = perturbed.masked_fill(~candidates, -torch.inf).flatten(1)
    removed = torch.where(candidates, count, -1).flatten(1)
    offsets, rows = disc_offsets(radius), torch.arange(size)[:, None]
    picks = torch.zeros(size, count, dtype=torch.int64)
    valid = torch.zeros(size, count, dtype=torch.bool)
    for step in range(count):
        value, index = left.max(1)
        picks[:, step], valid[:, step] = index, value > -torch.inf
        y, x = index[:, None] // width + offsets[:, 0], index[:, None] % width + offsets[:, 1]
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)  # clamped pixels belong to the disc as well
        place = y * width + x
        fresh = (left[rows, place] > -torch.inf) & valid[:, step, None]
        removed[rows, place] = torch.where(fresh, step, removed[rows, place])
        left[rows, place] = torch.where(valid[:, step, None], -torch.inf, left[rows, place])
    return SampledKeypoints(picks, valid, removed.view_as(scores))


def sampling_log_probabilities(scores: Tensor, sampled: SampledKeypoints) -> Tensor:
    """The logarithm of the probability of each keypoint, given those before it; zero where none was left.

        log p_t = H(k_t) - log sum_{x in M_t} exp(H(x))

    Args:
        scores: ``(B, H, W)``.
        sampled: What `sample_keypoints` drew from them.

    Returns:
        ``(B, T)``, differentiable in the scores.

    Cost: linear in the pixels: the sums over M_t are cumulative sums over the steps after which pixels are left out.

    Example:
        >>> scores = torch.zeros(1, 1, 4)
        >>> drawn = sample_keypoints(scores, torch.ones(1, 1, 4, dtype=torch.bool), 2, 0.0)
        >>> sampling_log_probabilities(scores, drawn).exp().mul(12).round().tolist()
        [[3.0, 4.0]]
    """
    count = sampled.pixels.shape[1]
    flat, removed = scores.flatten(1), sampled.removed.flatten(1)
    inside = removed >= 0
    top = flat.detach().masked_fill(~inside, -torch.inf).amax(1, keepdim=True)
    top = torch.where(top.isfinite(), top, 0)
    weights = torch.where(inside, flat - top, -torch.inf).exp()
    sums = weights.new_zeros(len(flat), count + 1).scatter_add(1, removed.clamp_min(0), weights)
    totals = sums.flip(1).cumsum(1).flip(1)[:, :count]
    tiny = torch.finfo(scores.dtype).tiny
    found = flat.gather(1, sampled.pixels) - top - totals.clamp_min(tiny).log()
    return torch.where(sampled.valid, found, 0)
