"""What training needs of both tasks: batches, turned and shaken; a loss; metrics as given and turned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import ShapeSet, Split
from intertwine.tasks.clouds._clouds import CloudBatch, CloudSet
from intertwine.tasks.clouds._choices import AXES, TURNS
from intertwine.tasks.clouds._network import ShapeNetwork
from intertwine.tasks.clouds._rotations import rotations_from
from intertwine.training import normal_draws

_QUATERNION, _SCALE, _DRAW = 4, 1, 1
_SPREAD, _FARTHEST = 0.1, 0.25
"""Of the logarithm of the scale by which a cloud is stretched in training, and the most that it may be."""
_VALIDATION = 1


class ShapeBatch(NamedTuple):
    """Clouds with what is true of them.

    cloud: the clouds; turned: the same after a Haar-random rotation of each, in validation; truth: (B,) int64 classes
    or (N,) int64 parts; category (B,) int64 classes.
    """

    cloud: CloudBatch
    turned: CloudBatch | None
    truth: Tensor
    category: Tensor


class ShapeJob(ABC):
    """Clouds, a network on them, and the cross-entropy with smoothed labels between its logits and the truth.

    In training one of the clouds that were drawn of each shape is turned as ``augment`` says, stretched a little and
    its points moved a little, all of which follows from (seed, index). In validation the first is turned as in
    training, the same way in every epoch, and judged a second time after a Haar-random rotation.
    """

    task: str
    score: ClassVar[str]
    """What `_scores` gives, as the log names it."""
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], shapes: ShapeSet) -> None:
        self.config, self.split = config, split
        parts, draws = Split.from_json(split), config["draws"]
        every = shapes.unfold(draws)
        self.unseen = every.select(draws * (parts.test if len(parts.test) else parts.validation))
        self._validation = LabeledClouds.of(every, draws * parts.validation, config)
        self._train = LabeledClouds.of(every, (draws * parts.train[:, None] + torch.arange(draws)).flatten(), config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.model: nn.Module = self.network(config)

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> ShapeNetwork:
        """The model that the configuration describes."""

    @abstractmethod
    def _truth(self, held: LabeledClouds, indices: Tensor) -> Tensor:
        """What is true of these clouds."""

    @abstractmethod
    def _losses(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        """(B,) the loss of each cloud."""

    @abstractmethod
    def _scores(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        """(B,) how right the logits of each cloud are, 0 to 1."""

    def train_size(self) -> int:
        """How many clouds there are to train on."""
        return len(self._train.clouds) // int(self.config["draws"])

    def validation_size(self) -> int:
        """How many clouds there are to validate on."""
        return len(self._validation.clouds)

    def train_batch(self, indices: Tensor, seed: int) -> ShapeBatch:
        """A cloud of each of these training shapes, turned, stretched and shaken."""
        points = self.config["points"]
        turn, scale, draw, shifts = normal_draws(seed, indices, _QUATERNION + _SCALE + _DRAW + 3 * points).split(
            (_QUATERNION, _SCALE, _DRAW, 3 * points), 1
        )
        indices = drawn(indices, draw[:, 0], self.config["draws"])
        cloud = self._train.clouds.batch(
            indices,
            rotations=self._rotations(turn, self.config["augment"]),
            scales=(_SPREAD * scale[:, 0]).clamp(-_FARTHEST, _FARTHEST).exp(),
            jitter=self.config["jitter"] * shifts.unflatten(1, (points, 3)),
        )
        return ShapeBatch(cloud, None, self._truth(self._train, indices), self._train.category(indices))

    def validation_batch(self, indices: Tensor) -> ShapeBatch:
        """These validation clouds, turned as in training and turned at random."""
        held = self._validation
        draws = normal_draws(_VALIDATION, indices, 2 * _QUATERNION)
        given, turned = (
            held.clouds.batch(indices, rotations=self._rotations(part, turn))
            for part, turn in ((draws[:, :_QUATERNION], self.config["augment"]), (draws[:, _QUATERNION:], TURNS[-1]))
        )
        return ShapeBatch(given, turned, self._truth(held, indices), held.category(indices))

    def loss(self, batch: ShapeBatch) -> tuple[Tensor, int]:
        """The sum over clouds of the loss, and how many there are."""
        return self._losses(self.logits(batch.cloud, batch.category), batch).sum(), batch.cloud.structures

    def metrics(self, batch: ShapeBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score; the same, rotated; the largest change of a logit by that."""
        logits, size = self.logits(batch.cloud, batch.category), batch.cloud.structures
        found = {"loss": self._losses(logits, batch), self.score: self._scores(logits, batch)}
        if batch.turned is not None:
            turned = self.logits(batch.turned, batch.category)
            found["rotated"] = self._scores(turned, batch)
            found["change"] = largest_of(turned - logits, batch.cloud)
        return {name: (values.sum(), size) for name, values in found.items()}

    def logits(self, cloud: CloudBatch, category: Tensor | None) -> Tensor:
        """What the model says of a batch."""
        return logits_of(self.model, cloud, category)

    def _rotations(self, draws: Tensor, turn: str) -> Tensor | None:
        return None if turn == "none" else rotations_from(draws[:, :_QUATERNION], turn, self.config["up"])


def drawn(shapes: Tensor, normal: Tensor, draws: int) -> Tensor:
    """Which cloud of each shape a normal number picks, all equally likely, where those of shape s begin at s * draws.

    >>> drawn(torch.tensor([0, 1, 1]), torch.tensor([-9.0, 0.1, 9.0]), 2).tolist()
    [0, 3, 3]
    """
    share: Tensor = torch.special.ndtr(normal)
    return shapes * draws + (draws * share).long().clamp(max=draws - 1)


class LabeledClouds(NamedTuple):
    """A part of the split: its clouds, and what is known of them."""

    clouds: CloudSet
    classes: Tensor
    parts: Tensor | None

    @classmethod
    def of(cls, shapes: ShapeSet, indices: Tensor, config: dict[str, Any]) -> LabeledClouds:
        """These clouds of a set, with their neighbors found."""
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
    """(N, 3 V), what is known of each point besides its place: its normal, the vertical; None if nothing is."""
    known: list[Tensor] = []
    if config["normals"]:
        assert shapes.normals is not None, "what is read has normals where they are asked for"
        known.append(shapes.normals)
    if config["vertical"]:
        axis = torch.eye(3, dtype=torch.float64)[AXES.index(config["up"])]
        known.append(axis.expand(len(shapes.positions), 3))
    return torch.cat(known, 1) if known else None


def logits_of(model: nn.Module, cloud: CloudBatch, category: Tensor | None) -> Tensor:
    """The logits of a batch; the category is for those models that ask for it."""
    extra = (category,) if getattr(model, "categories", 0) else ()
    logits: Tensor = model(*cloud, *extra)
    return logits


def largest_of(difference: Tensor, cloud: CloudBatch) -> Tensor:
    """(B,) the largest absolute entry for each cloud, of (B, K) or of (N, K)."""
    size = difference.abs().amax(1)
    if len(size) == cloud.structures:
        return size
    return size.new_zeros(cloud.structures).scatter_reduce(0, cloud.batch, size, "amax")
