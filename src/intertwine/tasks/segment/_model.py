"""The segmenter: a cloud in, a logit for each part at each of its points out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from intertwine.actions import PointFeatures
from intertwine.ops import resolve_batch
from intertwine.tasks.clouds import CloudNetwork, head


class Segmenter(CloudNetwork):
    """logits_i = head(invariants of point i, mean and largest over all points, descriptor and category of the cloud).

    Args:
        parts: How many.
        encoder: What `describe_encoder` gave.
        categories: How many categories of objects there are; with 1 or 0 the category is no input.
        vectors: How many vectors of each point go in as well, such as the normal of the surface.
        channels: Invariants of a point.
        hidden: Width of the head.
        dropout: In the head.
        descriptor: Arguments of `ShapeDescriptor` beside the encoder; or None.

    Law: for an encoder that commutes with its group, ``y(g x + t) = y(x)``; points renumbered, logits renumbered; in
    training as well, but for dropout, which knows the points by their numbers.

    Reference: Qi et al., PointNet, CVPR 2017, section 5.1 and supplement C: the category as one-hot input.
    """

    def __init__(
        self,
        parts: int,
        encoder: Mapping[str, Any],
        *,
        categories: int = 1,
        vectors: int = 0,
        channels: int = 128,
        hidden: int = 128,
        dropout: float = 0.3,
        descriptor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder, vectors=vectors, channels=channels, by_point=True, descriptor=descriptor)
        self.categories = categories if categories > 1 else 0
        self.head = head(channels + self.channels + self.categories, hidden, parts, dropout)
        self.rep_out = parts * self.group.trivial
        self.action_out = PointFeatures(self.rep_out)

    def forward(
        self,
        vectors: Tensor | None,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
        category: Tensor | None = None,
    ) -> Tensor:
        """The logits of each point.

        Args:
            vectors: ``(N, 3 V)``, or None where the model takes none.
            positions: ``(N, 3)``, clouds in the unit sphere.
            edges: ``(2, E)`` int64, source row over target row.
            batch: ``(N,)`` cloud of each point; None for a single one.
            structures: How many.
            category: ``(structures,)`` int64; None where there is one only.

        Returns:
            ``(N, parts)``.

        Raises:
            ValueError: The categories are missing.
        """
        batch, structures = resolve_batch(positions, batch, structures)
        points, cloud = self.invariants(vectors, positions, edges, batch, structures)
        if self.categories:
            if category is None:
                raise ValueError(f"this network needs the category of each cloud, 0 to {self.categories - 1}")
            known = torch.arange(self.categories, device=category.device)
            cloud = torch.cat([cloud, (category[:, None] == known).to(cloud)], 1)
        logits: Tensor = self.head(torch.cat([points, cloud.index_select(0, batch)], 1))
        return logits
