"""Soft matches of two sets: entropic optimal transport with a bin for what has no partner."""

from __future__ import annotations

import torch
from torch import Tensor


def transport_plan(scores: Tensor, bin_score: Tensor | float, *, iterations: int = 50) -> Tensor:
    r"""The transport plan between two sets whose members may stay without a partner.

    .. math:: P = \arg\max_P \sum_{ij} P_{ij} s_{ij} + H(P), \qquad
        \sum_{j \le m} P_{ij} = 1 \ (i < n), \quad \sum_{i \le n} P_{ij} = 1 \ (j < m),

    where row n and column m are bins of score ``bin_score`` and of capacity m and n. Both potentials are updated at
    once, each to the mean of its old value and Sinkhorn's new one: exchanged sets give the transposed plan, exactly.

    Args:
        scores: ``(..., n, m)``.
        bin_score: Score of no partner.
        iterations: Number of updates.

    Returns:
        ``(..., n, m)``, without the bins: rows and columns of sum at most about 1.

    Reference: Sarlin et al., SuperGlue, CVPR 2020, sec. 3.2; Cuturi, Sinkhorn distances, NeurIPS 2013.

    Example:
        >>> transport_plan(torch.tensor([[30.0, 0.0], [0.0, 0.0]]), 9.0).round(decimals=1).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    n, m = scores.shape[-2:]
    bins = torch.as_tensor(bin_score, dtype=scores.dtype, device=scores.device)
    right = bins.expand(*scores.shape[:-1], 1)
    padded = torch.cat([torch.cat([scores, right], -1), bins.expand(*scores.shape[:-2], 1, m + 1)], -2)
    log_rows, log_columns = padded.new_zeros(n + 1), padded.new_zeros(m + 1)
    log_rows[-1], log_columns[-1] = float(max(m, 1)), float(max(n, 1))
    log_rows[-1:], log_columns[-1:] = log_rows[-1:].log(), log_columns[-1:].log()
    f, g = padded.new_zeros(padded.shape[:-1]), padded.new_zeros((*padded.shape[:-2], m + 1))
    for _ in range(iterations):
        new_f = log_rows - torch.logsumexp(padded + g[..., None, :], -1)
        new_g = log_columns - torch.logsumexp(padded + f[..., :, None], -2)
        f, g = (f + new_f) / 2, (g + new_g) / 2
    return (padded + f[..., :, None] + g[..., None, :]).exp()[..., :n, :m]
