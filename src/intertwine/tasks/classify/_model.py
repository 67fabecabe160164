"""The classifier: a cloud in, a logit for each class out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from intertwine.actions import LinearAction
from intertwine.ops import resolve_batch
from intertwine.tasks.clouds import CloudNetwork, head


class Classifier(CloudNetwork):
    """logits = head(mean and largest over the points of their invariants, descriptor of the whole).

    Args:
        classes: How many.
        encoder: What `describe_encoder` gave.
        vectors: How many vectors of each point go in as well, such as the normal of the surface.
        channels: Invariants of a point.
        hidden: Width of the head.
        dropout: In the head.
        descriptor: Arguments of `ShapeDescriptor` beside the encoder; or None.

    Law: for an encoder that commutes with its group, ``y(g x + t) = y(x)`` whatever the numbering of the points.
    """

    def __init__(
        self,
        classes: int,
        encoder: Mapping[str, Any],
        *,
        vectors: int = 0,
        channels: int = 128,
        hidden: int = 128,
        dropout: float = 0.3,
        descriptor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(encoder, vectors=vectors, channels=channels, by_point=False, descriptor=descriptor)
        self.head = head(self.channels, hidden, classes, dropout)
        self.rep_out = classes * self.group.trivial
        self.action_out = LinearAction(self.rep_out)

    def forward(
        self,
        vectors: Tensor | None,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """The logits of each cloud.

        Args:
            vectors: ``(N, 3 V)``, or None where the model takes none.
            positions: ``(N, 3)``, clouds in the unit sphere.
            edges: ``(2, E)`` int64, source row over target row.
            batch: ``(N,)`` cloud of each point; None for a single one.
            structures: How many.

        Returns:
            ``(structures, classes)``.
        """
        batch, structures = resolve_batch(positions, batch, structures)
        logits: Tensor = self.head(self.invariants(vectors, positions, edges, batch, structures)[1])
        return logits
