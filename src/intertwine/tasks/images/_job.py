"""The training job on images: augmented batches, a loss, and metrics as given and rotated."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import ImageBatch, ImageSet, Split, rotate_images
from intertwine.tasks.images._augment import Augmentation, random_degrees
from intertwine.tasks.images._network import make_network
from intertwine.tasks.images._targets import make_target
from intertwine.training import normal_per_example

_VALIDATION_SEED = 1


class LabeledBatch(NamedTuple):
    """Images with their labels; in validation also the same rotated, each by its angle in degrees."""

    given: ImageBatch
    rotated: ImageBatch | None = None
    degrees: Tensor | None = None


class ImageJob:
    """Images, a network on them, and the loss of what is predicted.

    In training images are changed as `Augmentation` says. In validation each is measured as it is and rotated by an
    angle drawn uniformly, the same in every epoch; the mean relative change of the outputs by that is the "drift": zero
    for a network that is equivariant under all rotations.
    """

    task = "images"
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], images: ImageSet) -> None:
        self.config, self.split = config, split
        subsets = Split.from_json(split)
        self.held_out = images.select(subsets.test if len(subsets.test) else subsets.validation)
        self._validation, self._train = images.select(subsets.validation), images.select(subsets.train)
        self.target, self.augmentation = make_target(config), Augmentation(config["augment"])
        self.score = self.target.score
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.model: nn.Module = make_network(config)
        self._fill = torch.tensor(config["normalization"]["background"])

    def train_size(self) -> int:
        """How many images there are to train on."""
        return len(self._train)

    def validation_size(self) -> int:
        """How many images there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> LabeledBatch:
        """These training images, changed at random."""
        batch = self._train.batch(indices)
        images, masks = self.augmentation(batch.images, indices, seed, self._fill, batch.pixel_fields.get("masks"))
        fields = {} if masks is None else {"masks": masks}
        return LabeledBatch(ImageBatch(images, batch.image_fields, fields))

    def validation_batch(self, indices: Tensor) -> LabeledBatch:
        """These validation images as they are, and each rotated."""
        batch = self._validation.batch(indices)
        degrees = random_degrees(normal_per_example(_VALIDATION_SEED, indices, 1)[:, 0])
        return LabeledBatch(batch, rotate_batch(self.target, batch, degrees, self._fill), degrees)

    def loss(self, batch: LabeledBatch) -> tuple[Tensor, int]:
        """The sum over images of the loss, and how many there are."""
        return self.target.losses(self.model(batch.given.images), batch.given).sum(), len(batch.given)

    def metrics(self, batch: LabeledBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score; the score, rotated; the drift."""
        outputs = self.model(batch.given.images)
        values = {
            "loss": self.target.losses(outputs, batch.given),
            self.score: self.target.scores(outputs, batch.given),
        }
        if batch.rotated is not None and batch.degrees is not None:
            rotated = self.model(batch.rotated.images)
            values["rotated"] = self.target.scores(rotated, batch.rotated)
            values["drift"] = self.target.changes(rotated, outputs, batch.degrees)
        return {name: (each.sum(), len(batch.given)) for name, each in values.items()}


def rotate_batch(target: Any, batch: ImageBatch, degrees: Tensor | float, fill: Tensor) -> ImageBatch:
    """Images and labels rotated, each by its angle.

    Args:
        target: What is predicted.
        batch: The images.
        degrees: ``(B,)``, or one angle for all.
        fill: ``(C,)``, the color outside of the images.
    """
    labeled: ImageBatch = target.rotate_labels(batch, degrees)
    images = rotate_images(batch.images, degrees, fill)
    return ImageBatch(images, labeled.image_fields, labeled.pixel_fields)
