"""Farthest point sampling of point clouds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops.points._batched_points import check_batch, check_points


def farthest_point_sampling(positions: Tensor, num_samples: int | Tensor, batch: Tensor | None = None) -> Tensor:
    """Sample points of each cloud, each the farthest from those before it; the first is the farthest from the center.

        i_1 = argmax_i |x_i - mean x|,      i_{k+1} = argmax_i min_{j <= k} |x_i - x_{i_j}|

    Args:
        positions: ``(N, d)``, finite.
        num_samples: Samples of each cloud: a number, or ``(S,)`` numbers. Of a cloud with fewer points all are taken.
        batch: ``(N,)`` cloud of each point, in any order; ``None`` for a single cloud.

    Returns:
        ``(M,)`` int64 indices of points, all different, cloud after cloud, each in the order of sampling.

    Raises:
        ValueError: If the positions are not finite, a number is negative or the batch does not fit.

    Law: invariant under rotations and translations, equivariant under permutations. Of equally distant points the one
    with the smallest index is taken: there, and only there, the order of the points matters.

    Cost: ``num_samples`` steps of ``O(N)`` each, all clouds at once.

    Reference: Eldar et al., The farthest point strategy for progressive image sampling, IEEE TIP 1997.

    Example:
        >>> farthest_point_sampling(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 2).tolist()
        [3, 0]
    """
    counts = torch.as_tensor(num_samples, dtype=torch.int64, device=positions.device)
    samples: Tensor = _sample(positions.detach(), counts, batch)
    return samples


@operator("farthest_point_sampling")
def _sample(positions: Tensor, counts: Tensor, batch: Tensor | None) -> Tensor:
    points = check_points(positions)
    cloud = check_batch(batch, len(points))
    sizes = np.bincount(cloud)
    wanted = counts.cpu().numpy()
    if (wanted < 0).any() or (wanted.ndim and wanted.shape[0] < len(sizes)):
        raise ValueError(
            f"num_samples must be one number from 0 on, or one for each of {len(sizes)} clouds, got {wanted}"
        )
    wanted = np.minimum(sizes, wanted[: len(sizes)] if wanted.ndim else wanted)
    order = np.argsort(cloud, kind="stable")
    starts = np.cumsum(sizes) - sizes
    samples = np.zeros(wanted.sum(), np.int64)
    ends = np.cumsum(wanted)
    _, size_class = np.frexp(np.maximum(sizes, 1))  # clouds of similar size together: less padding
    for each in np.unique(size_class):
        members = np.flatnonzero(size_class == each)
        mask = np.arange(sizes[members].max(initial=0)) < sizes[members, None]
        index = np.where(mask, starts[members, None] + np.arange(mask.shape[1]), 0)
        index = order[index] if len(order) else index
        picks = _sample_padded(torch.from_numpy(points)[index], torch.from_numpy(mask), int(wanted[members].max()))
        valid = np.arange(picks.shape[1]) < wanted[members, None]
        slots = (ends - wanted)[members, None] + np.arange(picks.shape[1])
        samples[slots[valid]] = np.take_along_axis(index, picks.numpy(), 1)[valid]
    return torch.from_numpy(samples).to(positions.device)


@_sample.register_fake
def _(positions: Tensor, counts: Tensor, batch: Tensor | None) -> Tensor:
    return positions.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def _sample_padded(points: Tensor, mask: Tensor, steps: int) -> Tensor:
    """Indices ``(S, steps)`` into padded clouds ``(S, n, d)``; meaningless once a cloud is exhausted."""
    center = (points * mask[..., None]).sum(1) / mask.sum(1).clamp_min(1)[:, None]
    coordinates = points.permute(2, 0, 1).contiguous()
    from_center = _squared_distances(coordinates, center.T[..., None]).masked_fill_(~mask, -2)
    from_samples = torch.full_like(from_center, torch.inf).masked_fill_(~mask, -2)
    picks = torch.zeros(len(points), steps, dtype=torch.int64)
    for step in range(steps):
        pick = (from_center if step == 0 else from_samples).argmax(1, keepdim=True)
        picks[:, step] = pick[:, 0]
        last = coordinates.gather(2, pick.expand(len(coordinates), -1, -1))
        torch.minimum(from_samples, _squared_distances(coordinates, last), out=from_samples)
        from_samples.scatter_(1, pick, -1)
    return picks


def _squared_distances(coordinates: Tensor, point: Tensor) -> Tensor:
    """Squared distances ``(S, n)`` of points ``(d, S, n)`` from one point each ``(d, S, 1)``."""
    total: Tensor = (coordinates - point).square_().sum(0)
    return total
