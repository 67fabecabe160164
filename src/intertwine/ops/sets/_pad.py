"""Sets of different sizes as one padded array with a mask."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError


def pad_sets(values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Sets one after the other as a padded array.

    Args:
        values: ``(N, ...)``, the elements of all sets.
        counts: ``(B,)`` integers, the number of elements of each set; their sum is N.

    Returns:
        ``(B, n, ...)`` padded with zeros, n being the largest count, and the mask ``(B, n)`` of the elements.

    Raises:
        UsageError: If the counts do not add up.

    Example:
        >>> padded, mask = pad_sets(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1, 2]))
        >>> padded.tolist(), mask.tolist()
        ([[1.0, 0.0], [2.0, 3.0]], [[True, False], [True, True]])
    """
    if counts.ndim != 1 or counts.is_floating_point() or bool((counts < 0).any()) or int(counts.sum()) != len(values):
        raise UsageError(f"expected the numbers of elements of each set, {len(values)} together, got {counts.tolist()}")
    widest = int(counts.max()) if len(counts) else 0
    mask = torch.arange(widest, device=values.device) < counts[:, None].to(values.device)
    padded = values.new_zeros(len(counts), widest, *values.shape[1:])
    padded[mask] = values
    return padded, mask
