"""From one feature per point to one per structure."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from intertwine.nn._blocks import Blocks, check_features
from intertwine.ops import segment_max, segment_sum
from intertwine.reps import Rep

Pooling = Literal["sum", "mean", "max"]


class Pool(nn.Module):
    """Sum, mean or largest of the features of each structure's points.

    Args:
        rep: What comes in for each point and goes out for each structure.
        how: ``"sum"`` for extensive quantities, ``"mean"`` for intensive ones; ``"max"`` component by component, of
            invariants only.

    Raises:
        ValueError: If ``how`` is none of these, or the largest of what turns is asked for; in ``forward`` if the shape
            does not fit.

    Law: equivariant under any representation, for sum and mean are linear with invariant coefficients; invariant under
    permutations.

    Example:
        >>> from intertwine.groups import SO3
        >>> pool = Pool(SO3().rep("1x0"), "mean")
        >>> pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1]), 2).tolist()
        [[2.0], [5.0]]
    """

    def __init__(self, rep: Rep, how: Pooling = "sum") -> None:
        super().__init__()
        if how not in ("sum", "mean", "max"):
            raise ValueError(f'pooling is "sum", "mean" or "max", got {how!r}')
        if how == "max" and not all(Blocks.of(rep).trivial):
            raise ValueError(f'"max" pools invariants only, got {rep}; nn.Invariants makes them')
        self.rep_in = self.rep_out = rep
        self.how = how
        self._size, self._text = rep.dim, str(rep)

    def forward(self, features: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """Pool.

        Args:
            features: ``(N, rep.dim)``.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep.dim)``; a structure without points gets zero.
        """
        check_features(features, self._size, self._text, "Pool")
        if batch is None:
            batch, structures = torch.zeros(len(features), dtype=torch.int64, device=features.device), 1
        if structures is None:
            structures = int(batch.max()) + 1 if len(batch) else 0
        if self.how == "max":
            return segment_max(features, batch, structures)
        total = segment_sum(features, batch, structures)
        if self.how == "sum":
            return total
        counts = segment_sum(torch.ones_like(features[:, :1]), batch, structures)
        return total / counts.clamp_min(1)

    def extra_repr(self) -> str:
        """The representation and the way."""
        return f"{self.rep_in}, {self.how}"
