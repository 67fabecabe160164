"""Segment softmax: over the edges into each node, weighted by a smooth cutoff envelope."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph._segments import segment_max, segment_sum


def segment_softmax(logits: Tensor, index: Tensor, num_segments: int, envelope: Tensor | None = None) -> Tensor:
    """Softmax over the rows of ``logits`` that share an index, weighted by an envelope.

        alpha_e = u_e exp(l_e) / sum_f u_f exp(l_f),        f over the rows with the index of e

    An edge whose envelope goes to zero leaves both numerator and denominator, so the others change as smoothly as the
    envelope does: an envelope on the finished softmax would let them jump.

    Args:
        logits: ``(E, ...)``; of any size, for the largest of each segment is subtracted first.
        index: ``(E,)`` integers in ``[0, num_segments)``.
        num_segments: Number of segments.
        envelope: ``(E,)`` u, not negative; 1 if not given.

    Returns:
        The shape of ``logits``: each segment sums to 1, or is all 0 where the envelope is. Derivatives of every order.

    Law: invariant under permutations of the rows, and under the same shift of all logits of a segment.

    Example:
        >>> segment_softmax(torch.tensor([1000.0, 1000.0, -5.0]), torch.tensor([0, 0, 1]), 2).tolist()
        [0.5, 0.5, 1.0]
    """
    if envelope is not None:
        weights = envelope.view(-1, *[1] * (logits.ndim - 1))
        present = weights > torch.finfo(weights.dtype).tiny
        logits = torch.where(present, logits + torch.where(present, weights, 1.0).log(), -torch.inf)
    largest = segment_max(logits.detach(), index, num_segments)
    largest = torch.where(largest.isfinite(), largest, 0.0)
    exponentials = (logits - largest.index_select(0, index)).exp()
    total = segment_sum(exponentials, index, num_segments)
    return exponentials / torch.where(total == 0, 1.0, total).index_select(0, index)
