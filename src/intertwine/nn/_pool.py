"""Pooling over points: from one feature per point to one per structure."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from intertwine.nn._blocks import Blocks, check_features
from intertwine.ops import resolve_batch, segment_max, segment_mean, segment_sum
from intertwine.reps import Rep, as_rep

Reduce = Literal["sum", "mean", "max"]
_REDUCTIONS = {"sum": segment_sum, "mean": segment_mean, "max": segment_max}


class Pool(nn.Module):
    """Sum, mean or maximum of the features of each structure's points.

    Args:
        rep_in: Representation of the features of a point and of a structure, or its text.
        reduce: ``"sum"`` for extensive quantities, ``"mean"`` for intensive ones; ``"max"`` component by
            component, of invariants only.

    Raises:
        ValueError: If ``reduce`` is none of these, or the maximum of other than invariants is asked for; in ``forward``
            if the shape does not fit.

    Law: equivariant under any representation, for sum and mean are linear with invariant coefficients; invariant under
    permutations.

    Example:
        >>> import torch
        >>> pool = Pool("1x0e", "mean")
        >>> pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1]), 2).tolist()
        [[2.0], [5.0]]
    """

    def __init__(self, rep_in: Rep | str, reduce: Reduce = "sum") -> None:
        super().__init__()
        rep_in = as_rep(rep_in)
        if reduce not in _REDUCTIONS:
            raise ValueError(f'pooling is "sum", "mean" or "max", got {reduce!r}')
        if reduce == "max" and not all(Blocks.of(rep_in).trivial):
            raise ValueError(f'"max" pools invariants only, got {rep_in}; nn.NormInvariants makes them')
        self.rep_in = self.rep_out = rep_in
        self.reduce = reduce
        self._size, self._text = rep_in.dim, str(rep_in)

    def forward(self, features: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """Pool.

        Args:
            features: ``(N, rep_in.dim)``.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_in.dim)``; a structure without points gets zero.
        """
        check_features(features, self._size, self._text, "Pool")
        return _REDUCTIONS[self.reduce](features, *resolve_batch(features, batch, structures))

    def extra_repr(self) -> str:
        """The representation and the reduction."""
        return f"{self.rep_in}, {self.reduce}"
