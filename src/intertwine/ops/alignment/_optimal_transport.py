"""Soft matches of two sets: entropic optimal transport with a bin for what has no partner."""

from __future__ import annotations

import torch
from torch import Tensor

_EXCLUDED = -1e9
"""Logarithm of the mass of rows and columns that are padding."""


def transport_plan(
    scores: Tensor,
    bin_score: Tensor | float,
    *,
    iterations: int = 50,
    mask_1: Tensor | None = None,
    mask_2: Tensor | None = None,
) -> Tensor:
    r"""The transport plan between two sets whose members may stay without a partner.

    .. math:: P = \arg\max_P \sum_{ij} P_{ij} s_{ij} + H(P), \qquad
        \sum_{j \le m} P_{ij} = 1 \ (i < n), \quad \sum_{i \le n} P_{ij} = 1 \ (j < m),

    where row n and column m are bins of score ``bin_score`` and of capacity m and n. Both potentials are updated at
    once, each to the mean of its old value and Sinkhorn's new one: exchanged sets give the transposed plan, exactly.

    Args:
        scores: ``(..., n, m)``.
        bin_score: Score of no partner.
        iterations: Number of updates.
        mask_1: ``(..., n)`` bool, the rows that are members of the first set; the others are padding. All if None.
        mask_2: ``(..., m)`` bool, likewise for the columns.

    Returns:
        ``(..., n, m)``, without the bins: rows and columns of sum at most about 1; zero in padding.

    Reference: Sarlin et al., SuperGlue, CVPR 2020, sec. 3.2; Cuturi, Sinkhorn distances, NeurIPS 2013.

    Example:
        >>> transport_plan(torch.tensor([[30.0, 0.0], [0.0, 0.0]]), 9.0).round(decimals=1).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    n, m = scores.shape[-2:]
    bins = torch.as_tensor(bin_score, dtype=scores.dtype, device=scores.device)
    right = bins.expand(*scores.shape[:-1], 1)
    padded = torch.cat([torch.cat([scores, right], -1), bins.expand(*scores.shape[:-2], 1, m + 1)], -2)
    log_rows, log_columns = _log_masses(mask_1, mask_2, padded, n, m), _log_masses(mask_2, mask_1, padded, m, n)
    f = log_rows.clamp_max(0).expand(padded.shape[:-1])
    g = log_columns.clamp_max(0).expand(*padded.shape[:-2], m + 1)
    for _ in range(iterations):
        new_f = log_rows - torch.logsumexp(padded + g[..., None, :], -1)
        new_g = log_columns - torch.logsumexp(padded + f[..., :, None], -2)
        f, g = (f + new_f) / 2, (g + new_g) / 2
    return (padded + f[..., :, None] + g[..., None, :]).exp()[..., :n, :m]


def _log_masses(mask: Tensor | None, other: Tensor | None, like: Tensor, size: int, other_size: int) -> Tensor:
    """Logarithms of the mass of each member, 1, and of the bin, which is the size of the other set."""
    members = like.new_zeros(size) if mask is None else torch.where(mask, 0.0, _EXCLUDED).to(like)
    count = like.new_tensor(float(other_size)) if other is None else other.sum(-1).to(like)
    bins = count.clamp_min(1).log()[..., None]
    leading = torch.broadcast_shapes(members.shape[:-1], bins.shape[:-1])
    return torch.cat([members.expand(*leading, -1), bins.expand(*leading, -1)], -1)
