"""The training job of a classification: network, loss and score."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.data import PointCloudBatch
from intertwine.tasks.classify._model import Classifier
from intertwine.tasks.clouds import CloudJob, vector_count


class ClassifyJob(CloudJob):
    """One class for each cloud."""

    task, score = "classify", "accuracy"

    @classmethod
    def network(cls, config: dict[str, Any]) -> Classifier:
        """A classifier for the classes of the configuration."""
        return Classifier(len(config["classes"]), config["encoder"], vectors=vector_count(config), **config["model"])

    def _losses(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        truth, smoothing = clouds.cloud_fields["classes"], self.config["smoothing"]
        return functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)

    def _scores(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        return (logits.argmax(1) == clouds.cloud_fields["classes"]).to(torch.float64)
