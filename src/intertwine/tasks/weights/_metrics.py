"""Metrics of numbers that are predicted for networks: errors and the rank correlation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.tasks._example_metrics import NumberMetrics

_MOST_PAIRS = 4000
"""The rank correlation is of at most so many networks: its cost grows with their square."""


class RankMetrics(NumberMetrics):
    """Those of numbers, and Kendall's rank correlation tau."""

    columns = (*NumberMetrics.columns, "Kendall's tau")

    def figures(self) -> dict[str, Any]:
        """Errors in the unit of the labels, and tau."""
        predicted, truth = torch.cat(self.pairs)[:_MOST_PAIRS].unbind(1)
        return {**super().figures(), "tau": kendall_tau(predicted, truth)}

    def cells(self, figures: dict[str, Any]) -> tuple[str, ...]:
        """Four digits."""
        return (*super().cells(figures), "-" if figures["tau"] is None else f"{figures['tau']:.4g}")


def kendall_tau(a: Tensor, b: Tensor) -> float | None:
    """Kendall's tau-b of two lists of numbers: the share of pairs in the same order less that in the other order.

    Returns:
        From -1 to 1; None where one of them is constant.

    >>> kendall_tau(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, 2.0]))
    0.3333333333333333
    """
    signs = [(x[:, None] - x).sign().to(torch.float64) for x in (a, b)]
    both, first, second = (float((x * y).sum()) for x, y in ((*signs,), (signs[0],) * 2, (signs[1],) * 2))
    return both / (first * second) ** 0.5 if first and second else None
