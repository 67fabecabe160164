"""Nearest-neighbor matching of descriptors."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError

_CHUNK = 2048


def match_descriptors(
    first: Tensor, second: Tensor, *, ratio: float | None = 0.8, mutual: bool = True
) -> tuple[Tensor, Tensor]:
    """Pairs of nearest descriptors.

    Args:
        first: ``(N, D)``.
        second: ``(M, D)``.
        ratio: A pair is kept if its distance is below this part of that of the second nearest; None for all.
        mutual: A pair is kept only if each is the nearest of the other.

    Returns:
        Indices ``(K, 2)`` into both, and the Euclidean distances ``(K,)``, smallest first.

    Raises:
        UsageError: The descriptors differ in length.

    Reference: Lowe, IJCV 60 (2004) 91, section 7.1.

    Example:
        >>> pairs, _ = match_descriptors(torch.eye(3), torch.eye(3).flip(0))
        >>> sorted(map(tuple, pairs.tolist()))
        [(0, 2), (1, 1), (2, 0)]
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise UsageError(
            f"expected two matrices of descriptors of one length, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    if len(first) == 0 or len(second) == 0:
        return torch.zeros(0, 2, dtype=torch.int64), first.new_zeros(0)
    distances, indices, back, best = [], [], torch.zeros(len(second), dtype=torch.int64), None
    for start, part in zip(range(0, len(first), _CHUNK), first.split(_CHUNK), strict=True):
        matrix = torch.cdist(part, second)
        values, places = matrix.topk(min(2, len(second)), largest=False)
        distances.append(values)
        indices.append(places[:, 0])
        column, row = matrix.min(0)
        better = column < best if best is not None else torch.ones_like(column, dtype=torch.bool)
        back = torch.where(better, row + start, back)
        best = column if best is None else torch.minimum(best, column)
    nearest, distance = torch.cat(indices), torch.cat(distances)
    kept = torch.ones(len(first), dtype=torch.bool)
    if ratio is not None and distance.shape[1] == 2:
        kept &= distance[:, 0] < ratio * distance[:, 1]
    if mutual:
        kept &= back[nearest] == torch.arange(len(first))
    pairs = torch.stack([torch.arange(len(first)), nearest], 1)[kept]
    order = distance[kept, 0].argsort(stable=True)
    return pairs[order], distance[kept, 0][order]
