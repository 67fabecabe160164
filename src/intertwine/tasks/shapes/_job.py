"""What training needs of both tasks: batches, turned and shaken; a loss; metrics as given and turned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import NearestNeighbors, PointCloudBatch, PointCloudDataset, PointCloudSet, Split
from intertwine.tasks.shapes._names import AXES, TURNS
from intertwine.tasks.shapes._network import ShapeNetwork
from intertwine.tasks.shapes._turns import rotations_from
from intertwine.training import normal_per_example

_QUATERNION, _SCALE, _DRAW = 4, 1, 1
_SPREAD, _FARTHEST = 0.1, 0.25
"""Of the logarithm of the scale by which a cloud is stretched in training, and the most that it may be."""
_VALIDATION = 1


class ShapeBatch(NamedTuple):
    """Clouds with their labels; turned: the same after a Haar-random rotation of each, in validation."""

    cloud: PointCloudBatch
    turned: PointCloudBatch | None


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

    def __init__(self, config: dict[str, Any], split: dict[str, Any], shapes: PointCloudSet) -> None:
        self.config, self.split = config, split
        parts, draws = Split.from_json(split), config["draws"]
        every = shapes.unfold(draws)
        self.unseen = every.select(draws * (parts.test if len(parts.test) else parts.validation))
        self._validation = network_dataset(every.select(draws * parts.validation), config)
        train = (draws * parts.train[:, None] + torch.arange(draws)).flatten()
        self._train = network_dataset(every.select(train), config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.model: nn.Module = self.network(config)

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> ShapeNetwork:
        """The model that the configuration describes."""

    @abstractmethod
    def _losses(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        """(B,) the loss of each cloud."""

    @abstractmethod
    def _scores(self, logits: Tensor, batch: ShapeBatch) -> Tensor:
        """(B,) how right the logits of each cloud are, 0 to 1."""

    def train_size(self) -> int:
        """How many clouds there are to train on."""
        return len(self._train) // int(self.config["draws"])

    def validation_size(self) -> int:
        """How many clouds there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> ShapeBatch:
        """A cloud of each of these training shapes, turned, stretched and shaken."""
        points = self.config["points"]
        turn, scale, draw, shifts = normal_per_example(seed, indices, _QUATERNION + _SCALE + _DRAW + 3 * points).split(
            (_QUATERNION, _SCALE, _DRAW, 3 * points), 1
        )
        indices = drawn(indices, draw[:, 0], self.config["draws"])
        cloud = self._train.batch(
            indices,
            rotations=self._rotations(turn, self.config["augment"]),
            scales=(_SPREAD * scale[:, 0]).clamp(-_FARTHEST, _FARTHEST).exp(),
            jitter=self.config["jitter"] * shifts.unflatten(1, (points, 3)),
        )
        return ShapeBatch(cloud, None)

    def validation_batch(self, indices: Tensor) -> ShapeBatch:
        """These validation clouds, turned as in training and turned at random."""
        draws = normal_per_example(_VALIDATION, indices, 2 * _QUATERNION)
        given, turned = (
            self._validation.batch(indices, rotations=self._rotations(part, turn))
            for part, turn in ((draws[:, :_QUATERNION], self.config["augment"]), (draws[:, _QUATERNION:], TURNS[-1]))
        )
        return ShapeBatch(given, turned)

    def loss(self, batch: ShapeBatch) -> tuple[Tensor, int]:
        """The sum over clouds of the loss, and how many there are."""
        return self._losses(self.logits(batch.cloud), batch).sum(), batch.cloud.num_clouds

    def metrics(self, batch: ShapeBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score; the same, rotated; the largest change of a logit by that."""
        logits, size = self.logits(batch.cloud), batch.cloud.num_clouds
        found = {"loss": self._losses(logits, batch), self.score: self._scores(logits, batch)}
        if batch.turned is not None:
            turned = self.logits(batch.turned)
            found["rotated"] = self._scores(turned, batch)
            found["change"] = largest_of(turned - logits, batch.cloud)
        return {name: (values.sum(), size) for name, values in found.items()}

    def logits(self, cloud: PointCloudBatch) -> Tensor:
        """The logits of a batch."""
        return logits_of(self.model, cloud)

    def _rotations(self, draws: Tensor, turn: str) -> Tensor | None:
        return None if turn == "none" else rotations_from(draws[:, :_QUATERNION], turn, self.config["up"])


def drawn(shapes: Tensor, normal: Tensor, draws: int) -> Tensor:
    """Which cloud of each shape a normal number picks, all equally likely, where those of shape s begin at s * draws.

    >>> drawn(torch.tensor([0, 1, 1]), torch.tensor([-9.0, 0.1, 9.0]), 2).tolist()
    [0, 3, 3]
    """
    share: Tensor = torch.special.ndtr(normal)
    return shapes * draws + (draws * share).long().clamp(max=draws - 1)


def network_dataset(clouds: PointCloudSet, config: dict[str, Any]) -> PointCloudDataset:
    """Clouds in the unit sphere with their neighbors found, their labels, and the vectors that the network takes."""
    fields = {name: values for name, values in clouds.point_fields.items() if name == "parts"}
    vectors = network_vectors(clouds, config)
    if vectors is not None:
        fields["vectors"] = vectors
    labels = {name: names for name, names in clouds.label_names.items() if name in ("classes", "parts")}
    labeled = replace(
        clouds,
        point_fields=fields,
        cloud_fields={"classes": clouds.cloud_fields["classes"]},
        vectors=() if vectors is None else ("vectors",),
        label_names=labels,
    )
    return PointCloudDataset(labeled, NearestNeighbors(config["encoder"]["neighbors"]), normalize="unit_sphere")


def vector_count(config: dict[str, Any]) -> int:
    """How many vectors `network_vectors` gives each point."""
    return int(config["normals"]) + int(config["vertical"])


def network_vectors(clouds: PointCloudSet, config: dict[str, Any]) -> Tensor | None:
    """(N, 3 V) float64, the vectors of each point: its normal, the vertical; None for neither."""
    known: list[Tensor] = []
    if config["normals"]:
        known.append(clouds.point_fields["normals"].to(torch.float64))
    if config["vertical"]:
        axis = torch.eye(3, dtype=torch.float64)[AXES.index(config["up"])]
        known.append(axis.expand(len(clouds.positions), 3))
    return torch.cat(known, 1) if known else None


def network_inputs(batch: PointCloudBatch) -> tuple[Tensor | None, Tensor, Tensor, Tensor, int]:
    """A batch as the arguments of a `ShapeNetwork`: vectors, positions, edges, batch, how many clouds."""
    return batch.point_fields.get("vectors"), batch.positions, batch.edges, batch.batch, batch.num_clouds


def logits_of(model: nn.Module, batch: PointCloudBatch) -> Tensor:
    """The logits of a batch; the category of each cloud goes to those models that ask for it."""
    extra = (batch.cloud_fields["classes"],) if getattr(model, "categories", 0) else ()
    logits: Tensor = model(*network_inputs(batch), *extra)
    return logits


def largest_of(difference: Tensor, cloud: PointCloudBatch) -> Tensor:
    """(B,) the largest absolute entry for each cloud, of (B, K) or of (N, K)."""
    size = difference.abs().amax(1)
    if len(size) == cloud.num_clouds:
        return size
    return size.new_zeros(cloud.num_clouds).scatter_reduce(0, cloud.batch, size, "amax")
