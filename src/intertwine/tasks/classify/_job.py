"""What training needs of the task: the model, its loss and its scores."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.tasks.classify._model import Classifier
from intertwine.tasks.clouds._job import LabeledClouds, LabeledBatch, CloudJob, vector_count


class ClassifyJob(CloudJob):
    """One class a cloud."""

    task, score = "classify", "accuracy"

    @classmethod
    def network(cls, config: dict[str, Any]) -> Classifier:
        """A classifier for the classes of the configuration."""
        return Classifier(len(config["classes"]), config["encoder"], vectors=vector_count(config), **config["model"])

    def _truth(self, held: LabeledClouds, indices: Tensor) -> Tensor:
        return held.classes[indices]

    def _losses(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        smoothing = self.config["smoothing"]
        return functional.cross_entropy(logits, batch.truth, reduction="none", label_smoothing=smoothing)

    def _scores(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        return (logits.argmax(1) == batch.truth).to(torch.float64)
