"""Farthest point sampling: few points that cover a cloud evenly, chosen by distances alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.ops.points._clouds import as_points, as_structures


def farthest_points(positions: Tensor, count: int | Tensor, batch: Tensor | None = None) -> Tensor:
    """Points of each structure, each the farthest from those before it; the first is the farthest from the center.

        i_1 = argmax_i |x_i - mean x|,      i_{k+1} = argmax_i min_{j <= k} |x_i - x_{i_j}|

    Args:
        positions: ``(N, d)``, finite.
        count: How many of each structure: a number, or ``(S,)`` numbers. A structure with fewer points gives all.
        batch: ``(N,)`` structure of each point, in any order; ``None`` for a single structure.

    Returns:
        ``(M,)`` int64 numbers of points, all different, structure after structure, each in the order of choice.

    Raises:
        ValueError: If the positions are not finite, a count is negative or the batch does not fit.

    Law: only distances are looked at, so moved and renumbered clouds give the same points in the same order. Of equally
    distant points the one with the smallest number is taken: there, and only there, numbering matters.

    Cost: ``count`` steps of ``O(N)`` each, all structures at once.

    Reference: Eldar et al., The farthest point strategy for progressive image sampling, IEEE TIP 1997.

    Example:
        >>> farthest_points(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 2).tolist()
        [3, 0]
    """
    counts = torch.as_tensor(count, dtype=torch.int64, device=positions.device)
    chosen: Tensor = _farthest(positions.detach(), counts, batch)
    return chosen


@torch.library.custom_op("intertwine::farthest_points", mutates_args=())
def _farthest(positions: Tensor, counts: Tensor, batch: Tensor | None) -> Tensor:
    points = as_points(positions)
    structures = as_structures(batch, len(points))
    sizes = np.bincount(structures)
    wanted = counts.cpu().numpy()
    if (wanted < 0).any() or (wanted.ndim and wanted.shape[0] < len(sizes)):
        raise ValueError(
            f"count must be one number from 0 on, or one for each of {len(sizes)} structures, got {wanted}"
        )
    wanted = np.minimum(sizes, wanted[: len(sizes)] if wanted.ndim else wanted)
    order = np.argsort(structures, kind="stable")
    starts = np.cumsum(sizes) - sizes
    chosen = np.zeros(wanted.sum(), np.int64)
    ends = np.cumsum(wanted)
    _, classes = np.frexp(np.maximum(sizes, 1))  # of similar size, lest small structures be padded to large ones
    for alike in np.unique(classes):
        some = np.flatnonzero(classes == alike)
        inside = np.arange(sizes[some].max(initial=0)) < sizes[some, None]
        index = np.where(inside, starts[some, None] + np.arange(inside.shape[1]), 0)
        index = order[index] if len(order) else index
        picks = _pick(torch.from_numpy(points)[index], torch.from_numpy(inside), int(wanted[some].max()))
        taken = np.arange(picks.shape[1]) < wanted[some, None]
        places = (ends - wanted)[some, None] + np.arange(picks.shape[1])
        chosen[places[taken]] = np.take_along_axis(index, picks.numpy(), 1)[taken]
    return torch.from_numpy(chosen).to(positions.device)


@_farthest.register_fake
def _(positions: Tensor, counts: Tensor, batch: Tensor | None) -> Tensor:
    return positions.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def _pick(points: Tensor, inside: Tensor, steps: int) -> Tensor:
    """Places ``(S, steps)`` in padded clouds ``(S, n, d)``; where a cloud is used up they mean nothing."""
    center = (points * inside[..., None]).sum(1) / inside.sum(1).clamp_min(1)[:, None]
    axes = points.permute(2, 0, 1).contiguous()
    distance = _squared(axes, center.T[..., None]).masked_fill_(~inside, -2)
    nearest = torch.full_like(distance, torch.inf).masked_fill_(~inside, -2)
    picks = torch.zeros(len(points), steps, dtype=torch.int64)
    for step in range(steps):
        place = (distance if step == 0 else nearest).argmax(1, keepdim=True)
        picks[:, step] = place[:, 0]
        torch.minimum(nearest, _squared(axes, axes.gather(2, place.expand(len(axes), -1, -1))), out=nearest)
        nearest.scatter_(1, place, -1)
    return picks


def _squared(axes: Tensor, point: Tensor) -> Tensor:
    """Squared distances ``(S, n)`` of points ``(d, S, n)`` from one point each ``(d, S, 1)``."""
    total: Tensor = (axes - point).square_().sum(0)
    return total
