"""What training needs of the task: the model, its loss and its scores."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.ops import segment_sum
from intertwine.tasks.segment._model import Segmenter
from intertwine.tasks.segment._categories import allowed_parts, named_parts
from intertwine.tasks.clouds._job import LabeledClouds, LabeledBatch, CloudJob, vector_count
from intertwine.tasks.clouds._confusion import shape_intersections


class SegmentJob(CloudJob):
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

    def _truth(self, held: LabeledClouds, indices: Tensor) -> Tensor:
        if held.parts is None:
            raise ValueError("these clouds have no parts to learn")
        return held.parts[held.clouds.points(indices)]

    def _losses(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        cloud, smoothing = batch.cloud, self.config["smoothing"]
        losses = functional.cross_entropy(logits, batch.truth, reduction="none", label_smoothing=smoothing)
        total, counts = (
            segment_sum(values, cloud.batch, cloud.structures) for values in (losses, torch.ones_like(losses))
        )
        return total / counts

    def _scores(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        cloud, allowed = batch.cloud, allowed_parts(self.config, batch.category)
        predicted = named_parts(logits, cloud.batch, allowed)
        parts = len(self.config["parts"])
        return shape_intersections(batch.truth, predicted, cloud.batch, cloud.structures, parts, allowed)
