"""The training job of tasks on clouds: augmented batches, a loss, and metrics as given and rotated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import (
    NearestNeighbors,
    PointCloudBatch,
    PointCloudDataset,
    PointCloudSet,
    Split,
    estimate_normals,
)
from intertwine.ops import safe_normalize
from intertwine.tasks.clouds._choices import AXES, ROTATIONS, estimated_share, normal_kinds
from intertwine.tasks.clouds._network import CloudNetwork
from intertwine.tasks.clouds._rotations import random_rotations
from intertwine.tasks.clouds._source import own_normals
from intertwine.training import normal_per_example

if TYPE_CHECKING:
    from intertwine.tasks.clouds._options import CloudOptions

VECTORS, ESTIMATED = "vectors", "estimated"
"""The point fields that hold the input vectors of a network, and estimated normals that may stand for the first."""

_QUATERNION, _SCALE, _SAMPLE, _STRETCH, _NORMALS = 4, 1, 1, 3, 1
"""How many random numbers of a cloud are used for what."""
_SCALE_SPREAD, _LARGEST = 0.1, 2.5
"""Standard deviation of the logarithm of the random scale in training; bound of such logarithms in deviations."""
_VALIDATION_SEED = 1


class LabeledBatch(NamedTuple):
    """Clouds with their labels as fields.

    In validation also the same after a Haar-random rotation of each; and the same with estimated normals, if a model
    learns from these as well as from those of the files.
    """

    clouds: PointCloudBatch
    rotated: PointCloudBatch | None = None
    estimated: PointCloudBatch | None = None


class CloudJob(ABC):
    """Clouds, a network on them, and the cross-entropy with smoothed labels between its logits and the truth.

    In training one of the clouds that were sampled of each shape is stretched at random along the axes of its file,
    rotated as ``augment`` says, and its points moved by noise, all of which follows from (seed, index); so does whether
    its normals up to sign are those of its file or estimated. In validation the first is rotated as in training, the
    same way in every epoch, and a second time by a Haar-random rotation.
    """

    task: str
    score: ClassVar[str]
    """The name of what `_scores` gives in the log."""
    point_labels: ClassVar[bool] = False
    """Whether each point has a label."""
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], clouds: PointCloudSet) -> None:
        self.config, self.split = config, split
        subsets, samples = Split.from_json(split), config["draws"]
        every = clouds.unfold(samples)
        self.held_out = every.select(samples * (subsets.test if len(subsets.test) else subsets.validation))
        train = (samples * subsets.train[:, None] + torch.arange(samples)).flatten()
        self._estimated = estimated_share(config)
        both = 0 < self._estimated < 1
        self._validation = network_dataset(every.select(samples * subsets.validation), config, estimate=both)
        self._train = network_dataset(every.select(train), config, estimate=both)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self._network = self.network(config)
        self.model: nn.Module = self._network

    @classmethod
    @abstractmethod
    def network(cls, config: dict[str, Any]) -> CloudNetwork:
        """The network that the configuration describes."""

    @classmethod
    def complete_config(cls, options: CloudOptions, clouds: PointCloudSet, split: Split) -> dict[str, Any]:
        """What else belongs to the configuration of a run.

        Args:
            options: The options, checked.
            clouds: All clouds.
            split: The split.

        Raises:
            UsageError: The task cannot be learned from these clouds.
        """
        return {}

    @abstractmethod
    def _losses(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        """(B,) the loss of each cloud."""

    @abstractmethod
    def _scores(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        """(B,) the score of each cloud, 0 to 1."""

    def train_size(self) -> int:
        """How many shapes there are to train on."""
        return len(self._train) // int(self.config["draws"])

    def validation_size(self) -> int:
        """How many clouds there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> LabeledBatch:
        """A cloud of each of these training shapes, stretched, rotated, scaled and with noise."""
        points = self.config["points"]
        sizes = (_QUATERNION, _SCALE, _SAMPLE, _STRETCH, 3 * points, *[_NORMALS] * (0 < self._estimated < 1))
        numbers = normal_per_example(seed, indices, sum(sizes)).split(sizes, 1)
        quaternion, scale, sample, stretch, noise, *normals = numbers
        rotations = self._rotations(quaternion, self.config["augment"])
        factors = random_factors(stretch, self.config.get("stretch", 0.0))
        clouds = self._train.batch(
            pick_samples(indices, sample[:, 0], self.config["draws"]),
            rotations=rotations,
            scales=random_factors(scale, _SCALE_SPREAD) * factors,
            jitter=self.config["jitter"] * noise.unflatten(1, (points, 3)),
        )
        if normals:
            clouds = choose_normals(clouds, torch.special.ndtr(normals[0][:, 0]) < self._estimated)
        if VECTORS in clouds.point_fields:
            vectors = stretch_normals(
                clouds.point_fields[VECTORS], normal_count(self.config), factors, rotations, clouds
            )
            clouds = replace(clouds, point_fields={**clouds.point_fields, VECTORS: vectors})
        return LabeledBatch(clouds)

    def validation_batch(self, indices: Tensor) -> LabeledBatch:
        """These validation clouds, rotated as in training and rotated at random."""
        normals = normal_per_example(_VALIDATION_SEED, indices, 2 * _QUATERNION)
        given, rotated = (
            self._validation.batch(indices, rotations=self._rotations(part, kind))
            for part, kind in zip(normals.split(_QUATERNION, 1), (self.config["augment"], ROTATIONS[-1]), strict=True)
        )
        both = ESTIMATED in given.point_fields
        none, every = torch.zeros(len(indices), dtype=torch.bool), torch.ones(len(indices), dtype=torch.bool)
        return LabeledBatch(
            choose_normals(given, none), choose_normals(rotated, none), choose_normals(given, every) if both else None
        )

    def loss(self, batch: LabeledBatch) -> tuple[Tensor, int]:
        """The sum over clouds of the loss, and how many there are."""
        return self._losses(self.logits(batch.clouds), batch.clouds).sum(), batch.clouds.num_clouds

    def metrics(self, batch: LabeledBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score; the score, rotated; the largest change of a logit by that.

        Where a model learns from estimated normals too, also the score with these, and the loss is the mean over both.
        """
        clouds, logits = batch.clouds, self.logits(batch.clouds)
        values = {"loss": self._losses(logits, clouds), self.score: self._scores(logits, clouds)}
        if batch.estimated is not None:
            estimated, share = self.logits(batch.estimated), self._estimated
            values["loss"] = (1 - share) * values["loss"] + share * self._losses(estimated, clouds)
            values["estimated"] = self._scores(estimated, clouds)
        if batch.rotated is not None:
            rotated = self.logits(batch.rotated)
            values["rotated"] = self._scores(rotated, clouds)
            values["change"] = largest_change(rotated - logits, clouds)
        return {name: (each.sum(), clouds.num_clouds) for name, each in values.items()}

    def logits(self, clouds: PointCloudBatch) -> Tensor:
        """The logits of the network."""
        logits: Tensor = self._network(*network_inputs(self._network, clouds))
        return logits

    def _rotations(self, normals: Tensor, kind: str) -> Tensor | None:
        return None if kind == "none" else random_rotations(normals, kind, self.config["up"])


def random_factors(normals: Tensor, spread: float) -> Tensor:
    """Factors whose logarithms have this standard deviation and are at most 2.5 of them, from normal numbers.

    >>> random_factors(torch.tensor([0.0, 100.0]), 0.4).log().round(decimals=6).tolist()
    [0.0, 1.0]
    """
    return (spread * normals.clamp(-_LARGEST, _LARGEST)).exp()


def stretch_normals(
    vectors: Tensor, normals: int, factors: Tensor, rotations: Tensor | None, clouds: PointCloudBatch
) -> Tensor:
    """The vectors of points, the first of which are normals of a surface that was stretched before it was rotated.

    Args:
        vectors: (N, 3 V), rotated.
        normals: How many of them are normals.
        factors: (B, 3) of the stretch along the axes.
        rotations: (B, 3, 3); None for none.
        clouds: The clouds of the points.

    Returns:
        (N, 3 V), normals of length one as they were.
    """
    frames = torch.eye(3, dtype=factors.dtype) if rotations is None else rotations
    inverse = ((frames / factors[:, None, :]) @ frames.mT).to(vectors)[clouds.batch]
    first = torch.einsum("nij,nvj->nvi", inverse, vectors[:, : 3 * normals].unflatten(1, (-1, 3)))
    return torch.cat([safe_normalize(first).flatten(1), vectors[:, 3 * normals :]], 1)


def pick_samples(shapes: Tensor, normals: Tensor, samples: int) -> Tensor:
    """The cloud of each shape that a normal number picks, all equally likely; shape s has its first at s * samples.

    >>> pick_samples(torch.tensor([0, 1, 1]), torch.tensor([-9.0, 0.1, 9.0]), 2).tolist()
    [0, 3, 3]
    """
    uniform: Tensor = torch.special.ndtr(normals)
    return shapes * samples + (samples * uniform).long().clamp(max=samples - 1)


def choose_normals(clouds: PointCloudBatch, chosen: Tensor) -> PointCloudBatch:
    """Clouds whose normals up to sign, of these clouds (B,) bool, are the estimated ones, if there are any."""
    fields = dict(clouds.point_fields)
    estimated = fields.pop(ESTIMATED, None)
    if estimated is None:
        return clouds
    first, others = fields[VECTORS].tensor_split([estimated.shape[1]], 1)
    fields[VECTORS] = torch.cat([torch.where(chosen[clouds.batch, None], estimated.to(first), first), others], 1)
    return replace(clouds, point_fields=fields, vectors=(VECTORS,))


def network_dataset(clouds: PointCloudSet, config: dict[str, Any], *, estimate: bool = False) -> PointCloudDataset:
    """Clouds in the unit sphere with their neighbors, labels, and the input vectors of the network.

    Args:
        clouds: The clouds.
        config: Of the run.
        estimate: Whether they have estimated normals as well, for `choose_normals`.
    """
    vectors = {VECTORS: input_vectors(clouds, config)}
    if estimate:
        every = torch.ones(len(clouds.positions), dtype=torch.bool)
        vectors[ESTIMATED] = normals_by_kind(estimate_normals(clouds), every, normal_kinds(config["model"]))
    known = {name: values for name, values in vectors.items() if values is not None}
    labeled = clouds.select_fields("classes", "parts")
    labeled = replace(labeled, point_fields={**labeled.point_fields, **known}, vectors=tuple(known))
    return PointCloudDataset(labeled, NearestNeighbors(config["encoder"]["neighbors"]), normalize="unit_sphere")


def normal_count(config: dict[str, Any]) -> int:
    """How many input vectors of each point are normals: one up to sign of each kind, and an oriented one."""
    return normal_kinds(config["model"]) + int(config["normals"])


def vector_count(config: dict[str, Any]) -> int:
    """How many input vectors each point has."""
    return normal_count(config) + int(config["vertical"])


def normals_by_kind(normals: Tensor, estimated: Tensor, kinds: int) -> Tensor:
    """Normals up to sign as inputs of a network: each in the place of its kind, zeros in the others.

    Args:
        normals: (N, 3).
        estimated: (N,) bool, which of them are estimated.
        kinds: How many the network tells apart; see `normal_kinds`.

    Returns:
        (N, 3 kinds): of two, those of files before estimated ones.

    >>> normals_by_kind(torch.eye(3)[1:], torch.tensor([False, True]), 2).tolist()
    [[0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    kind = estimated.long().clamp(max=kinds - 1)
    own = kind[:, None] == torch.arange(kinds, device=kind.device)
    return (normals[:, None] * own[:, :, None]).flatten(1)


def input_vectors(clouds: PointCloudSet, config: dict[str, Any]) -> Tensor | None:
    """(N, 3 V) float64, the input vectors of each point: its normals, the up vector; None if the model takes none."""
    vectors: list[Tensor] = []
    if normal_count(config):
        normals = clouds.point_fields["normals"].to(torch.float64)
        estimated = ~own_normals(clouds)[clouds.batch]
        vectors.append(normals_by_kind(normals, estimated, normal_kinds(config["model"])))
        vectors += [normals] * config["normals"]
    if config["vertical"]:
        up_vector = torch.eye(3, dtype=torch.float64)[AXES.index(config["up"])]
        vectors.append(up_vector.expand(len(clouds.positions), 3))
    return torch.cat(vectors, 1) if vectors else None


def network_inputs(network: CloudNetwork, clouds: PointCloudBatch) -> tuple[Any, ...]:
    """The arguments of a network for a batch; the category is for networks that take one."""
    inputs = (clouds.point_fields.get(VECTORS), clouds.positions, clouds.edges, clouds.batch, clouds.num_clouds)
    return (*inputs, clouds.cloud_fields["classes"]) if network.categories else inputs


def largest_change(difference: Tensor, clouds: PointCloudBatch) -> Tensor:
    """(B,) the largest absolute entry for each cloud, of (B, K) or of (N, K)."""
    size = difference.abs().amax(1)
    if len(size) == clouds.num_clouds:
        return size
    return size.new_zeros(clouds.num_clouds).scatter_reduce(0, clouds.batch, size, "amax")
