"""k-nearest-neighbor table, in space or in feature space."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops._operator import operator

_TREE_DIMENSIONS = 6  # measured: in more, a tree looks at nearly all points, and is slower than a matrix product
_TREE_POINTS = 64  # and below this size building it costs more than it saves
_DISTANCES_AT_ONCE = 1 << 21


@operator("knn_table")
def _table(points: Tensor, k: int, batch: Tensor) -> Tensor:
    result = torch.empty((len(points), k), dtype=torch.int64, device=points.device)
    order = torch.argsort(batch, stable=True)
    sizes = torch.unique_consecutive(batch[order], return_counts=True)[1]
    starts = torch.cumsum(sizes, 0) - sizes
    for size in torch.unique(sizes).tolist():
        first = starts[sizes == size]
        members = order[first[:, None] + torch.arange(size, device=points.device)]
        clouds = points.detach()[members]
        if points.shape[1] <= _TREE_DIMENSIONS and size >= _TREE_POINTS:
            neighbors = torch.stack([_by_tree(cloud, k) for cloud in clouds])
        else:
            neighbors = _by_all_pairs(clouds, k)
        result[members] = members.gather(1, neighbors.flatten(1)).view_as(neighbors)
    return result


@_table.register_fake
def _(points: Tensor, k: int, batch: Tensor) -> Tensor:
    return points.new_empty((points.shape[0], k), dtype=torch.int64)


def _by_tree(cloud: Tensor, k: int) -> Tensor:
    """``(n, k)`` of one cloud ``(n, d)`` of at least two points."""
    from scipy.spatial import cKDTree  # a tenth of a second to import

    size = len(cloud)
    points = cloud.cpu().double().numpy()
    neighbors = torch.from_numpy(cKDTree(points).query(points, k=min(k, size))[1]).view(size, -1).to(cloud.device)
    return _include_self(neighbors.to(torch.int64), torch.arange(size, device=cloud.device), k)


def _by_all_pairs(clouds: Tensor, k: int) -> Tensor:
    """``(S, n, k)`` of clouds ``(S, n, d)``, a few megabytes of distances at a time."""
    clouds, size = clouds - clouds.mean(1, keepdim=True), clouds.shape[1]
    exact = clouds.shape[2] <= _TREE_DIMENSIONS
    rows = min(max(_DISTANCES_AT_ONCE // size, 1), size)
    blocks = []
    for group in clouds.split(max(_DISTANCES_AT_ONCE // size**2, 1)):
        parts = []
        for start in range(0, size, rows):
            queries = group[:, start : start + rows]
            if exact:
                distances = torch.cdist(queries, group, compute_mode="donot_use_mm_for_euclid_dist")
            else:  # up to a constant in each row
                distances = torch.baddbmm(group.square().sum(-1)[:, None], queries, group.mT, alpha=-2)
            neighbors = distances.topk(min(k, size), largest=False, sorted=False).indices
            self_index = torch.arange(start, start + queries.shape[1], device=group.device)
            parts.append(_include_self(neighbors, self_index, k))
        blocks.append(torch.cat(parts, 1))
    return torch.cat(blocks)


def _include_self(neighbors: Tensor, self_index: Tensor, k: int) -> Tensor:
    """Insert the point itself where coincident points have displaced it, and let it fill missing columns."""
    self_index = self_index.expand(neighbors.shape[:-1])[..., None]
    displaced = ~(neighbors == self_index).any(-1, keepdim=True)
    neighbors = torch.cat([torch.where(displaced, self_index, neighbors[..., :1]), neighbors[..., 1:]], -1)
    missing = k - neighbors.shape[-1]
    return torch.cat([neighbors, self_index.expand(*self_index.shape[:-1], missing)], -1) if missing else neighbors


def knn_table(points: Tensor, k: int, batch: Tensor | None = None) -> Tensor:
    """The k nearest points of the same cloud for each point, itself among them.

    In a cloud of fewer than k points the point itself fills the remaining columns.

    Args:
        points: ``(N, d)``: positions, or features of any dimension.
        k: Number of neighbors, the point itself included.
        batch: ``(N,)`` cloud of each point, in any order; ``None`` for a single cloud.

    Returns:
        ``(N, k)`` int64 in no particular order; without gradient.

    Raises:
        ValueError: If k is not positive or the shapes do not fit.

    Cost: ``O(N log N)`` up to six dimensions. Beyond, where no tree helps, ``O(d n^2)`` for a cloud of n points, in
    a few megabytes.

    Example:
        >>> knn_table(torch.tensor([[0.0], [1.0], [3.0]]), 2).sort().values.tolist()
        [[0, 1], [0, 1], [1, 2]]
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if points.ndim != 2:
        raise ValueError(f"points must have shape (N, d), got {tuple(points.shape)}")
    if batch is None:
        batch = torch.zeros(points.shape[0], dtype=torch.int64, device=points.device)
    size = points.shape[0]
    if batch.shape != (size,):
        raise ValueError(f"batch must hold one cloud index for each of {size} points, got {tuple(batch.shape)}")
    neighbors: Tensor = _table(points.detach(), k, batch)
    return neighbors
