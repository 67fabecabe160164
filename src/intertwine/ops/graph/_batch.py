"""Batch vectors: which graph of a batch each point belongs to."""

from __future__ import annotations

import torch
from torch import Tensor


def resolve_batch(points: Tensor, batch: Tensor | None, num_graphs: int | None) -> tuple[Tensor, int]:
    """The batch vector and the number of graphs, where either was not given.

    Args:
        points: ``(N, ...)`` anything that has one row for each point.
        batch: ``(N,)`` graph of each point; ``None`` for a single graph.
        num_graphs: Number of graphs; read off ``batch`` where it is not given.

    Returns:
        ``(N,)`` graph of each point, and the number of graphs.

    Example:
        >>> resolve_batch(torch.zeros(2, 3), None, None)
        (tensor([0, 0]), 1)
    """
    if batch is None:
        return torch.zeros(points.shape[0], dtype=torch.int64, device=points.device), 1
    if num_graphs is None:
        num_graphs = int(batch.max()) + 1 if batch.shape[0] else 0
    return batch, num_graphs
