"""From one feature per point to one per structure."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from intertwine.nn._blocks import Blocks, check_features
from intertwine.ops import resolve_batch, segment_max, segment_mean, segment_sum
from intertwine.reps import Rep

Pooling = Literal["sum", "mean", "max"]
_WAYS = {"sum": segment_sum, "mean": segment_mean, "max": segment_max}


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
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> pool = Pool(SO3().rep("1x0"), "mean")
        >>> pool(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1]), 2).tolist()
        [[2.0], [5.0]]
    """

    def __init__(self, rep: Rep, how: Pooling = "sum") -> None:
        super().__init__()
        if how not in _WAYS:
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
        return _WAYS[self.how](features, *resolve_batch(features, batch, structures))

    def extra_repr(self) -> str:
        """The representation and the way."""
        return f"{self.rep_in}, {self.how}"
