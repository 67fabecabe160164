"""Which parts a cloud of a category may have, and which part each point is taken for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def allowed_parts(config: dict[str, Any], category: Tensor | None) -> Tensor | None:
    """(B, parts) bool, the parts that the categories of these clouds have; None where categories say nothing.

    Args:
        config: Of the run; "allowed" holds the parts of each category.
        category: (B,) int64.
    """
    if len(config["categories"]) < 2 or category is None:
        return None
    table = torch.zeros(len(config["categories"]), len(config["parts"]), dtype=torch.bool, device=category.device)
    for row, parts in zip(table, config["allowed"], strict=True):
        row[parts] = True
    return table[category]


def named_parts(logits: Tensor, batch: Tensor, allowed: Tensor | None) -> Tensor:
    """(N,) int64, the likeliest part of each point among those that its cloud may have."""
    if allowed is None:
        return logits.argmax(1)
    return logits.masked_fill(~allowed[batch], -torch.inf).argmax(1)
