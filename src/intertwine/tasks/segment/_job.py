"""What training needs of the task: the model, its loss and its scores."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.ops import segment_sum
from intertwine.tasks.segment._model import Segmenter
from intertwine.tasks.segment._parts import allowed_parts, named_parts
from intertwine.tasks.shapes._job import ShapeBatch, ShapeJob, vector_count
from intertwine.tasks.shapes._metrics import shape_intersections


class SegmentJob(ShapeJob):
    """One part a point. The loss of a cloud is the mean over its points."""

    task, score = "segment", "miou"

    @classmethod
    def network(cls, config: dict[str, Any]) -> Segmenter:
        """A segmenter for the parts of the configuration."""
        return Segmenter(
            len(config["parts"]),
            config["encoder"],
            categories=len(config["categories"]),
            vectors=vector_count(config),
            **config["model"],
        )

    def _losses(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        cloud, parts, smoothing = batch.cloud, batch.cloud.point_fields["parts"], self.config["smoothing"]
        losses = functional.cross_entropy(logits, parts, reduction="none", label_smoothing=smoothing)
        total, counts = (
            segment_sum(values, cloud.batch, cloud.num_clouds) for values in (losses, torch.ones_like(losses))
        )
        return total / counts

    def _scores(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        cloud = batch.cloud
        allowed = allowed_parts(self.config, cloud.cloud_fields["classes"])
        predicted = named_parts(logits, cloud.batch, allowed)
        parts, size = cloud.point_fields["parts"], len(self.config["parts"])
        return shape_intersections(parts, predicted, cloud.batch, cloud.num_clouds, size, allowed)
