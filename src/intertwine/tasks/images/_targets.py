"""What is predicted of images: a class, a number, or the class of each pixel, with its loss and its score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.data import IGNORED, ImageBatch, rotate_images, warp_images


class Target(ABC):
    """One kind of labels.

    Attributes:
        score: What `scores` gives is called in the log.
    """

    score: str

    @abstractmethod
    def labels(self, batch: ImageBatch) -> Tensor:
        """The labels of the images, of each or of its pixels."""

    @abstractmethod
    def losses(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """(B,) the loss of each image."""

    @abstractmethod
    def scores(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """(B,) float64, the score of each image."""

    def rotate_labels(self, batch: ImageBatch, degrees: Tensor | float) -> ImageBatch:
        """The labels of the images, each rotated by its angle; the images themselves are left to the caller."""
        return batch

    def rotate_outputs(self, outputs: Tensor, degrees: Tensor | float) -> Tensor:
        """The outputs that a network should give for rotated images."""
        return outputs

    def changes(self, rotated: Tensor, given: Tensor, degrees: Tensor | float) -> Tensor:
        """(B,) float64: the norm of the change that a rotation of the image makes, over the norm of the outputs.

        The mean of the logits of an image, which no probability depends on, is taken out of both.
        """
        expected = self.rotate_outputs(given, degrees)
        difference, size = ((part - part.mean(1, keepdim=True)) if part.shape[1] > 1 else part for part in
                            (rotated - expected, expected))  # fmt: skip
        norms = [part.double().flatten(1).norm(dim=1) for part in (difference, size)]
        relative: Tensor = norms[0] / norms[1].clamp_min(1e-12)
        return relative


class ClassTarget(Target):
    """One class for each image: cross-entropy, with smoothed labels."""

    score = "accuracy"

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def labels(self, batch: ImageBatch) -> Tensor:
        """``(B,)`` classes."""
        return batch.image_fields["classes"]

    def losses(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """Cross-entropies."""
        truth = batch.image_fields["classes"]
        return functional.cross_entropy(outputs, truth, reduction="none", label_smoothing=self.smoothing)

    def scores(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """Whether the class is right."""
        return (outputs.argmax(1) == batch.image_fields["classes"]).double()


class NumberTarget(Target):
    """One number for each image, standardized: half the square of the error."""

    score = "mae"

    def __init__(self, mean: float, spread: float) -> None:
        self.mean, self.spread = mean, spread

    def values(self, outputs: Tensor) -> Tensor:
        """(B,) float64, in the unit of the labels."""
        return self.mean + self.spread * outputs[:, 0].double()

    def labels(self, batch: ImageBatch) -> Tensor:
        """``(B,)`` numbers."""
        return batch.image_fields["values"]

    def losses(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """Half squares of the standardized errors."""
        truth = ((batch.image_fields["values"] - self.mean) / self.spread).to(outputs.dtype)
        return (outputs[:, 0] - truth).square() / 2

    def scores(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """Absolute errors, in the unit of the labels."""
        return (self.values(outputs) - batch.image_fields["values"]).abs()


class MaskTarget(Target):
    """The class of each pixel: cross-entropy, averaged over the pixels of an image that have one."""

    score = "pixels"

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def labels(self, batch: ImageBatch) -> Tensor:
        """``(B, H, W)`` classes of pixels."""
        return batch.pixel_fields["masks"]

    def losses(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """Mean cross-entropies; zero for an image whose pixels have no class."""
        truth = batch.pixel_fields["masks"].long()
        losses = functional.cross_entropy(
            outputs, truth, ignore_index=IGNORED, reduction="none", label_smoothing=self.smoothing
        )
        return losses.sum((1, 2)) / (truth != IGNORED).sum((1, 2)).clamp_min(1)

    def scores(self, outputs: Tensor, batch: ImageBatch) -> Tensor:
        """The shares of the pixels that are right."""
        truth = batch.pixel_fields["masks"]
        known = truth != IGNORED
        right = (outputs.argmax(1) == truth) & known
        return right.sum((1, 2)).double() / known.sum((1, 2)).clamp_min(1)

    def rotate_labels(self, batch: ImageBatch, degrees: Tensor | float) -> ImageBatch:
        """Masks rotated by the nearest pixel."""
        masks = rotate_masks(batch.pixel_fields["masks"], degrees)
        return ImageBatch(batch.images, batch.image_fields, {**batch.pixel_fields, "masks": masks})

    def rotate_outputs(self, outputs: Tensor, degrees: Tensor | float) -> Tensor:
        """Logits rotated."""
        return rotate_images(outputs, degrees)

    def changes(self, rotated: Tensor, given: Tensor, degrees: Tensor | float) -> Tensor:
        """As `Target.changes`, in the inscribed disk."""
        size = rotated.shape[-1]
        axis = torch.arange(size) - (size - 1) / 2
        inside = (axis[:, None].square() + axis.square() <= (size / 2 - 1) ** 2).to(rotated)
        expected = self.rotate_outputs(given, degrees)
        parts = (inside * (part - part.mean(1, keepdim=True)) for part in (rotated - expected, expected))
        difference, whole = (part.double().flatten(1).norm(dim=1) for part in parts)
        relative: Tensor = difference / whole.clamp_min(1e-12)
        return relative


def rotate_masks(masks: Tensor, degrees: Tensor | float) -> Tensor:
    """Class indices ``(B, H, W)`` rotated by the nearest pixel, `IGNORED` outside."""
    if not isinstance(degrees, Tensor) and degrees % 90 == 0:
        return torch.rot90(masks, round(degrees / 90) % 4, (-2, -1))
    angle = torch.as_tensor(degrees, dtype=torch.float64).deg2rad().expand(len(masks))
    rows = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).reshape(-1, 2, 2)
    outside = torch.tensor([float(IGNORED)])
    return warp_images(masks[:, None].float(), rows, fill=outside, nearest=True)[:, 0].to(masks.dtype)


def make_target(config: Mapping[str, Any]) -> Target:
    """The target that the configuration of a run describes."""
    target = config["target"]
    if target["kind"] == "numbers":
        return NumberTarget(target["mean"], target["spread"])
    return (ClassTarget if target["kind"] == "classes" else MaskTarget)(config["smoothing"])
