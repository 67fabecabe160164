"""The training job of tasks on clouds: augmented batches, a loss, and metrics as given and rotated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import ShapeSet, Split
from intertwine.tasks.clouds._clouds import CloudBatch, CloudSet
from intertwine.tasks.clouds._choices import AXES, ROTATIONS
from intertwine.tasks.clouds._network import CloudNetwork
from intertwine.tasks.clouds._rotations import random_rotations
from intertwine.training import normal_draws

if TYPE_CHECKING:
    from intertwine.tasks.clouds._options import CloudOptions

_QUATERNION, _SCALE, _SAMPLE = 4, 1, 1
"""How many random numbers of a cloud are used for what."""
_SCALE_SPREAD, _LARGEST_SCALE = 0.1, 0.25
"""Standard deviation and bound of the logarithm of the random scale in training."""
_VALIDATION_SEED = 1


class LabeledBatch(NamedTuple):
    """Clouds with their labels.

    clouds: the clouds; rotated: the same after a Haar-random rotation of each, in validation; truth: (B,) int64 classes
    or (N,) int64 parts; category (B,) int64 classes.
    """

    clouds: CloudBatch
    rotated: CloudBatch | None
    truth: Tensor
    category: Tensor


class CloudJob(ABC):
    """Clouds, a network on them, and the cross-entropy with smoothed labels between its logits and the truth.

    In training one of the clouds that were sampled of each shape is rotated as ``augment`` says, scaled at random and
    its points moved by noise, all of which follows from (seed, index). In validation the first is rotated as in
    training, the same way in every epoch, and a second time by a Haar-random rotation.
    """

    task: str
    score: ClassVar[str]
    """The name of what `_scores` gives in the log."""
    point_labels: ClassVar[bool] = False
    """Whether each point has a label."""
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], shapes: ShapeSet) -> None:
        self.config, self.split = config, split
        subsets, samples = Split.from_json(split), config["draws"]
        every = shapes.unfold(samples)
        self.held_out = every.select(samples * (subsets.test if len(subsets.test) else subsets.validation))
        self._validation = LabeledClouds.of(every, samples * subsets.validation, config)
        train = (samples * subsets.train[:, None] + torch.arange(samples)).flatten()
        self._train = LabeledClouds.of(every, train, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self._network = self.network(config)
        self.model: nn.Module = self._network

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> CloudNetwork:
        """The model that the configuration describes."""

    @classmethod
    def complete_config(cls, options: CloudOptions, shapes: ShapeSet, split: Split) -> dict[str, Any]:
        """What else belongs to the configuration of a run.

        Args:
            options: The options, checked.
            shapes: All clouds.
            split: The split.

        Raises:
            UsageError: The task cannot be learned from these clouds.
        """
        return {}

    @abstractmethod
    def _truth(self, labeled: LabeledClouds, indices: Tensor) -> Tensor:
        """The labels of these clouds."""

    @abstractmethod
    def _losses(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        """(B,) the loss of each cloud."""

    @abstractmethod
    def _scores(self, logits: Tensor, batch: LabeledBatch) -> Tensor:
        """(B,) the score of each cloud, 0 to 1."""

    def train_size(self) -> int:
        """How many clouds there are to train on."""
        return len(self._train.clouds) // int(self.config["draws"])

    def validation_size(self) -> int:
        """How many clouds there are to validate on."""
        return len(self._validation.clouds)

    def train_batch(self, indices: Tensor, seed: int) -> LabeledBatch:
        """A cloud of each of these training shapes, rotated, scaled and with noise."""
        points = self.config["points"]
        sizes = (_QUATERNION, _SCALE, _SAMPLE, 3 * points)
        quaternion, scale, sample, noise = normal_draws(seed, indices, sum(sizes)).split(sizes, 1)
        indices = pick_samples(indices, sample[:, 0], self.config["draws"])
        clouds = self._train.clouds.batch(
            indices,
            rotations=self._rotations(quaternion, self.config["augment"]),
            scales=(_SCALE_SPREAD * scale[:, 0]).clamp(-_LARGEST_SCALE, _LARGEST_SCALE).exp(),
            jitter=self.config["jitter"] * noise.unflatten(1, (points, 3)),
        )
        return LabeledBatch(clouds, None, self._truth(self._train, indices), self._train.category(indices))

    def validation_batch(self, indices: Tensor) -> LabeledBatch:
        """These validation clouds, rotated as in training and rotated at random."""
        labeled = self._validation
        normals = normal_draws(_VALIDATION_SEED, indices, 2 * _QUATERNION)
        given, rotated = (
            labeled.clouds.batch(indices, rotations=self._rotations(part, kind))
            for part, kind in (
                (normals[:, :_QUATERNION], self.config["augment"]),
                (normals[:, _QUATERNION:], ROTATIONS[-1]),
            )
        )
        return LabeledBatch(given, rotated, self._truth(labeled, indices), labeled.category(indices))

    def loss(self, batch: LabeledBatch) -> tuple[Tensor, int]:
        """The sum over clouds of the loss, and how many there are."""
        return self._losses(self.logits(batch.clouds, batch.category), batch).sum(), batch.clouds.structures

    def metrics(self, batch: LabeledBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score; the score, rotated; the largest change of a logit by that."""
        logits, size = self.logits(batch.clouds, batch.category), batch.clouds.structures
        values = {"loss": self._losses(logits, batch), self.score: self._scores(logits, batch)}
        if batch.rotated is not None:
            rotated = self.logits(batch.rotated, batch.category)
            values["rotated"] = self._scores(rotated, batch)
            values["change"] = largest_change(rotated - logits, batch.clouds)
        return {name: (each.sum(), size) for name, each in values.items()}

    def logits(self, clouds: CloudBatch, category: Tensor | None) -> Tensor:
        """The logits of the model."""
        return compute_logits(self._network, clouds, category)

    def _rotations(self, normals: Tensor, kind: str) -> Tensor | None:
        return None if kind == "none" else random_rotations(normals[:, :_QUATERNION], kind, self.config["up"])


def pick_samples(shapes: Tensor, normals: Tensor, samples: int) -> Tensor:
    """The cloud of each shape that a normal number picks, all equally likely, where shape s has its first at s * samples.

    >>> pick_samples(torch.tensor([0, 1, 1]), torch.tensor([-9.0, 0.1, 9.0]), 2).tolist()
    [0, 3, 3]
    """
    uniform: Tensor = torch.special.ndtr(normals)
    return shapes * samples + (samples * uniform).long().clamp(max=samples - 1)


class LabeledClouds(NamedTuple):
    """Clouds and their labels."""

    clouds: CloudSet
    classes: Tensor
    parts: Tensor | None

    @classmethod
    def of(cls, shapes: ShapeSet, indices: Tensor, config: dict[str, Any]) -> LabeledClouds:
        """These clouds of a set, with their neighbors."""
        some = shapes.select(indices)
        clouds = CloudSet(some.positions, some.offsets, config["encoder"]["neighbors"], vectors_of(some, config))
        return cls(clouds, some.classes, some.parts)

    def category(self, indices: Tensor) -> Tensor:
        """(B,) int64, the class of each cloud."""
        return self.classes[indices]


def vector_count(config: dict[str, Any]) -> int:
    """How many vectors `vectors_of` gives each point."""
    return int(config["normals"]) + int(config["vertical"])


def vectors_of(shapes: ShapeSet, config: dict[str, Any]) -> Tensor | None:
    """(N, 3 V), the input vectors of each point: its normal, the up vector; None if the model takes none."""
    vectors: list[Tensor] = []
    if config["normals"]:
        assert shapes.normals is not None, "clouds are read with normals where the model takes them"
        vectors.append(shapes.normals)
    if config["vertical"]:
        up_vector = torch.eye(3, dtype=torch.float64)[AXES.index(config["up"])]
        vectors.append(up_vector.expand(len(shapes.positions), 3))
    return torch.cat(vectors, 1) if vectors else None


def compute_logits(network: CloudNetwork, clouds: CloudBatch, category: Tensor | None) -> Tensor:
    """The logits of a batch."""
    logits: Tensor = network(*network_inputs(network, clouds, category))
    return logits


def network_inputs(network: CloudNetwork, clouds: CloudBatch, category: Tensor | None) -> tuple[Any, ...]:
    """The arguments of a network for a batch; the category is for networks that take one."""
    return (*clouds, category) if network.categories else tuple(clouds)


def largest_change(difference: Tensor, clouds: CloudBatch) -> Tensor:
    """(B,) the largest absolute entry for each cloud, of (B, K) or of (N, K)."""
    size = difference.abs().amax(1)
    if len(size) == clouds.structures:
        return size
    return size.new_zeros(clouds.structures).scatter_reduce(0, clouds.batch, size, "amax")
