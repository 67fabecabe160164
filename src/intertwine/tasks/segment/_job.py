"""The training job of a segmentation: network, loss, score, and the parts of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.data import PointCloudBatch, PointCloudSet, Split
from intertwine.ops import segment_sum
from intertwine.tasks.clouds import CloudJob, shape_intersections, vector_count
from intertwine.tasks.segment._categories import allowed_parts, parts_of_classes, predict_parts
from intertwine.tasks.segment._model import Segmenter

if TYPE_CHECKING:
    from intertwine.tasks.clouds import CloudOptions


class SegmentJob(CloudJob):
    """One part for each point. The loss of a cloud is the mean over its points."""

    task, score, point_labels = "segment", "miou", True

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

    @classmethod
    def complete_config(cls, options: CloudOptions, clouds: PointCloudSet, split: Split) -> dict[str, Any]:
        """The parts, and the categories with the parts of each.

        The class of a cloud is its category, with parts of its own, where every class occurs in training. Where whole
        classes are held out there are no categories: an unseen one would say nothing.

        Raises:
            UsageError: The points have no labels, or all the same.
        """
        if len(clouds.label_names.get("parts", ())) < 2:
            raise UsageError(
                f"{options.data}: a segmentation needs a label at each point and two parts at least; expected PLY or "
                "NPZ files with labels, text with a last column of integers, or ShapeNetPart as it is"
            )
        classes = clouds.cloud_fields["classes"]
        present = set(classes.tolist())
        known = len(present) > 1 and present == set(classes[split.train].tolist())
        return {
            "parts": list(clouds.label_names["parts"]),
            "categories": list(clouds.label_names["classes"]) if known else [],
            "allowed": parts_of_classes(clouds) if known else [],
        }

    def _losses(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        truth, smoothing = clouds.point_fields["parts"], self.config["smoothing"]
        losses = functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
        total, counts = (
            segment_sum(values, clouds.batch, clouds.num_clouds) for values in (losses, torch.ones_like(losses))
        )
        return total / counts

    def _scores(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        allowed = allowed_parts(self.config, clouds.cloud_fields["classes"])
        predicted = predict_parts(logits, clouds.batch, allowed)
        truth, parts = clouds.point_fields["parts"], len(self.config["parts"])
        return shape_intersections(truth, predicted, clouds.batch, clouds.num_clouds, parts, allowed)
