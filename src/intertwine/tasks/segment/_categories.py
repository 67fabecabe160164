"""Categories of shapes: the parts that each may have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.data import PointCloudSet


def parts_of_classes(clouds: PointCloudSet) -> list[list[int]]:
    """The parts that occur in each class."""
    classes, parts = clouds.cloud_fields["classes"][clouds.batch], clouds.point_fields["parts"]
    return [torch.unique(parts[classes == k]).tolist() for k in range(len(clouds.label_names["classes"]))]


def allowed_parts(config: dict[str, Any], category: Tensor) -> Tensor | None:
    """(B, parts) bool, the parts that the categories of these clouds have; None where there are no categories.

    Args:
        config: Of the run; "allowed" holds the parts of each category.
        category: (B,) int64.
    """
    if len(config["categories"]) < 2:
        return None
    table = torch.zeros(len(config["categories"]), len(config["parts"]), dtype=torch.bool, device=category.device)
    for row, parts in zip(table, config["allowed"], strict=True):
        row[parts] = True
    return table[category]


def mask_parts(logits: Tensor, batch: Tensor, allowed: Tensor | None) -> Tensor:
    """The logits, -inf for parts that the cloud of a point may not have."""
    return logits if allowed is None else logits.masked_fill(~allowed[batch], -torch.inf)


def predict_parts(logits: Tensor, batch: Tensor, allowed: Tensor | None) -> Tensor:
    """(N,) int64, the likeliest part of each point among those that its cloud may have."""
    return mask_parts(logits, batch, allowed).argmax(1)
