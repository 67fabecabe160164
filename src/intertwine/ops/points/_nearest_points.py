"""The nearest points of the same structure, in space or in a space of features, as a table."""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree
from torch import Tensor

_TREE_DIMENSIONS = 6  # measured: in more, a tree looks at nearly all points, and slower than a matrix product does
_TREE_POINTS = 64  # and below this it costs more to plant than it saves
_ROOM = 1 << 21  # distances that are made at once


@torch.library.custom_op("intertwine::nearest_points", mutates_args=())
def _nearest(points: Tensor, count: int, batch: Tensor) -> Tensor:
    result = torch.empty((len(points), count), dtype=torch.int64, device=points.device)
    order = torch.argsort(batch, stable=True)
    sizes = torch.unique_consecutive(batch[order], return_counts=True)[1]
    starts = torch.cumsum(sizes, 0) - sizes
    for size in torch.unique(sizes).tolist():
        first = starts[sizes == size]
        members = order[first[:, None] + torch.arange(size, device=points.device)]
        clouds = points.detach()[members]
        if points.shape[1] <= _TREE_DIMENSIONS and size >= _TREE_POINTS:
            found = torch.stack([_by_tree(cloud, count) for cloud in clouds])
        else:
            found = _by_all_pairs(clouds, count)
        result[members] = members.gather(1, found.flatten(1)).view_as(found)
    return result


@_nearest.register_fake
def _(points: Tensor, count: int, batch: Tensor) -> Tensor:
    return points.new_empty((points.shape[0], count), dtype=torch.int64)


def _by_tree(cloud: Tensor, count: int) -> Tensor:
    """``(n, count)`` of one cloud ``(n, d)`` of at least two points."""
    size = len(cloud)
    points = cloud.cpu().double().numpy()
    found = torch.from_numpy(cKDTree(points).query(points, k=min(count, size))[1]).view(size, -1).to(cloud.device)
    return _with_itself(found.to(torch.int64), torch.arange(size, device=cloud.device), count)


def _by_all_pairs(clouds: Tensor, count: int) -> Tensor:
    """``(S, n, count)`` of clouds ``(S, n, d)``, a few megabytes of distances at a time."""
    clouds, size = clouds - clouds.mean(1, keepdim=True), clouds.shape[1]
    exact = clouds.shape[2] <= _TREE_DIMENSIONS
    rows = min(max(_ROOM // size, 1), size)
    blocks = []
    for some in clouds.split(max(_ROOM // size**2, 1)):
        parts = []
        for start in range(0, size, rows):
            near = some[:, start : start + rows]
            if exact:
                distances = torch.cdist(near, some, compute_mode="donot_use_mm_for_euclid_dist")
            else:  # up to what is the same for the whole row
                distances = torch.baddbmm(some.square().sum(-1)[:, None], near, some.mT, alpha=-2)
            found = distances.topk(min(count, size), largest=False, sorted=False).indices
            own = torch.arange(start, start + near.shape[1], device=some.device)
            parts.append(_with_itself(found, own, count))
        blocks.append(torch.cat(parts, 1))
    return torch.cat(blocks)


def _with_itself(found: Tensor, own: Tensor, count: int) -> Tensor:
    """The point itself is among those found, which coincident points may push out, and fills up what is missing."""
    own = own.expand(found.shape[:-1])[..., None]
    lost = ~(found == own).any(-1, keepdim=True)
    found = torch.cat([torch.where(lost, own, found[..., :1]), found[..., 1:]], -1)
    missing = count - found.shape[-1]
    return torch.cat([found, own.expand(*own.shape[:-1], missing)], -1) if missing else found


def nearest_points(points: Tensor, count: int, batch: Tensor | None = None) -> Tensor:
    """The nearest points of each point's structure, itself among them.

    A structure of fewer points fills up with the point itself.

    Args:
        points: ``(N, d)``: positions, or features of any dimension.
        count: How many, itself included.
        batch: ``(N,)`` structure of each point, in any order; ``None`` for a single structure.

    Returns:
        ``(N, count)`` int64 in no particular order; without gradient.

    Raises:
        ValueError: If the count is not positive or the shapes do not fit.

    Cost: ``O(N log N)`` up to six dimensions. Beyond, where no tree helps, ``O(d n^2)`` for a structure of n points, in
    a few megabytes.

    Example:
        >>> nearest_points(torch.tensor([[0.0], [1.0], [3.0]]), 2).sort().values.tolist()
        [[0, 1], [0, 1], [1, 2]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if points.ndim != 2:
        raise ValueError(f"points must have shape (N, d), got {tuple(points.shape)}")
    if batch is None:
        batch = torch.zeros(points.shape[0], dtype=torch.int64, device=points.device)
    size = points.shape[0]
    if batch.shape != (size,):
        raise ValueError(f"batch must hold one structure for each of {size} points, got {tuple(batch.shape)}")
    found: Tensor = _nearest(points.detach(), count, batch)
    return found
