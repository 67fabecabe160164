"""The training job of properties: batches, a loss and metrics."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import PointCloudBatch, PointCloudDataset, PointCloudSet, RadiusNeighbors, Split
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.properties._composition import Composition, block_sizes, fit_composition
from intertwine.tasks.properties._model import PropertyModel
from intertwine.tasks.properties._targets import Target
from intertwine.training import normal_per_example

_HUBER = 0.01
"""The error, over the scale of the target, below which the loss is quadratic and above which it is linear."""


class PropertyBatch(NamedTuple):
    """Structures and their normalized targets (structures, D)."""

    structures: PointCloudBatch
    targets: Tensor


class PropertyJob:
    """Structures, a `PropertyModel`, and the loss between them.

    Loss of a structure: the mean over the irreps of its targets of h(|error| / scale), with the norm over the
    components of the irrep and h the smooth L1 (Huber over beta = 0.01): invariant under rotations, L1 for scalars.

    Augmentation rotates each training structure, and its targets, by a rotation that follows from (seed, index).
    """

    def __init__(self, config: dict[str, Any], split: dict[str, Any], structures: PointCloudSet) -> None:
        self.task, self.config, self.split = "properties", config, split
        self.targets = tuple(map(Target.from_json, config["targets"]))
        self.elements = tuple(config["elements"])
        parts, pools = Split.from_json(split), [target["pool"] for target in config["targets"]]
        train, validation = structures.select(parts.train), self._known(structures.select(parts.validation))
        counts = train.composition(self.elements)
        self.compositions: tuple[Composition, ...] = tuple(
            fit_composition(counts, train.cloud_fields[target.name], target, pool)
            for target, pool in zip(self.targets, pools, strict=True)
        )
        self._train_targets, self._validation_targets = self._normalized(train), self._normalized(validation)
        cutoff = config["encoder"]["cutoff"]
        self._train, self._validation = (structure_dataset(part, cutoff) for part in (train, validation))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self._model = PropertyModel(self.elements, self.targets, pools, config["encoder"])
        self._model.normalize(self.compositions)
        self.model: nn.Module = self._model
        self.monitor = "loss" if len(self.targets) > 1 else "mae" if self.targets[0].is_scalar else "error_norm"
        self._dims = [target.dim for target in self.targets]
        self._blocks = [size for target in self.targets for size in block_sizes(target)]

    def train_size(self) -> int:
        """How many structures there are to train on."""
        return len(self._train)

    def validation_size(self) -> int:
        """How many structures there are to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> PropertyBatch:
        """These training structures, rotated at random if the job augments."""
        targets = self._train_targets[indices]
        rotations = None
        if self.config["augment"]:
            rotations = quaternion_rotations(normal_per_example(seed, indices, 4))
            targets = torch.einsum("sij,sj->si", self._model.rep_out.matrix(rotations), targets)
        return self._batch(self._train, indices, targets, rotations)

    def validation_batch(self, indices: Tensor) -> PropertyBatch:
        """These validation structures, as they are."""
        return self._batch(self._validation, indices, self._validation_targets[indices], None)

    def loss(self, batch: PropertyBatch) -> tuple[Tensor, int]:
        """The sum over structures of the loss, and how many there are."""
        return self._losses(self._errors(batch)).sum(), batch.structures.num_clouds

    def metrics(self, batch: PropertyBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, and for each target the absolute error and the norm of the error, in its unit."""
        errors = self._errors(batch)
        values = {"loss": (self._losses(errors).sum(), batch.structures.num_clouds)}
        errors = errors * self._model.scale.to(errors)
        for target, error in zip(self.targets, torch.split(errors, self._dims, 1), strict=True):
            prefix = f"{target.name}_" if len(self.targets) > 1 else ""
            values[f"{prefix}mae"] = (error.abs().sum(), error.numel())
            if not target.is_scalar:
                values[f"{prefix}error_norm"] = (torch.linalg.vector_norm(error, dim=1).sum(), len(error))
        return values

    def _errors(self, batch: PropertyBatch) -> Tensor:
        return self._model.normalized(*network_inputs(batch.structures)) - batch.targets

    def _losses(self, errors: Tensor) -> Tensor:
        squares = torch.stack([block.square().sum(1) for block in torch.split(errors, self._blocks, 1)], dim=1)
        beyond = squares > _HUBER**2
        norms = torch.where(beyond, squares, 1.0).sqrt()
        return torch.where(beyond, norms - _HUBER / 2, squares / (2 * _HUBER)).mean(1)

    @staticmethod
    def _batch(dataset: PointCloudDataset, indices: Tensor, targets: Tensor, rotations: Tensor | None) -> PropertyBatch:
        structures = dataset.batch(indices, rotations=rotations)
        return PropertyBatch(structures, targets.to(structures.positions.dtype))

    def _normalized(self, structures: PointCloudSet) -> Tensor:
        """(targets - shift) / scale, (S, D) float64."""
        counts = structures.composition(self.elements)
        parts = [
            (structures.cloud_fields[target.name] - fit(counts)) / fit.scale
            for target, fit in zip(self.targets, self.compositions, strict=True)
        ]
        return torch.cat(parts, dim=1)

    def _known(self, structures: PointCloudSet) -> PointCloudSet:
        """The structures whose elements all occur in training; a warning counts the others."""
        known = structures.composition(self.elements).sum(1) == structures.counts
        if not known.all():
            warnings.warn(
                f"{int((~known).sum())} of {len(known)} validation structures have elements that no training structure "
                "has; they are left out",
                stacklevel=2,
            )
        return structures.select(known)


def structure_dataset(structures: PointCloudSet, cutoff: float) -> PointCloudDataset:
    """Structures with the neighbors of their atoms, without targets."""
    return PointCloudDataset(structures.select_fields("numbers"), RadiusNeighbors(cutoff))


def network_inputs(structures: PointCloudBatch) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """The arguments of a `PropertyModel` for a batch."""
    numbers = structures.point_fields["numbers"]
    return numbers, structures.positions, structures.edges, structures.batch, structures.num_clouds
