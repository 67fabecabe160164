"""What training needs of the task: batches, a loss and metrics."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import Split, Structures, StructureSet
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.properties._composition import Composition, block_sizes, fit_composition
from intertwine.tasks.properties._model import PropertyModel
from intertwine.tasks.properties._source import check_unchanged, read
from intertwine.tasks.properties._targets import Target
from intertwine.training import normal_draws

_HUBER = 0.01
"""Below this share of the spread the loss is quadratic, above it linear."""


class PropertyBatch(NamedTuple):
    """Structures as the network takes them, and their normalized targets (structures, D)."""

    numbers: Tensor
    positions: Tensor
    edges: Tensor
    batch: Tensor
    structures: int
    targets: Tensor


class PropertyJob:
    """Structures, a `PropertyModel`, and the loss between them.

    Loss of a structure: the mean over the irreps of its targets of h(|error| / scale), with the norm over the
    components of the irrep and h the smooth L1 (Huber over beta = 0.01): invariant under rotations, L1 for scalars.

    Augmentation turns each training structure by the rotation that (seed, index) draws, and its targets with it.
    """

    def __init__(self, config: dict[str, Any], split: dict[str, Any], structures: Structures) -> None:
        self.task, self.config, self.split = "properties", config, split
        self.targets = tuple(map(Target.from_json, config["targets"]))
        self.elements = tuple(config["elements"])
        parts, pools = Split.from_json(split), [target["pool"] for target in config["targets"]]
        train, validation = structures.select(parts.train), self._known(structures.select(parts.validation))
        counts = train.composition(self.elements)
        self.compositions: tuple[Composition, ...] = tuple(
            fit_composition(counts, train.targets[target.name], target, pool)
            for target, pool in zip(self.targets, pools, strict=True)
        )
        self._train_targets, self._validation_targets = self._normalized(train), self._normalized(validation)
        cutoff = config["encoder"]["cutoff"]
        self._train, self._validation = StructureSet(_bare(train), cutoff), StructureSet(_bare(validation), cutoff)
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
        """These training structures, turned at random if the job augments."""
        targets = self._train_targets[indices]
        rotations = None
        if self.config["augment"]:
            rotations = quaternion_rotations(normal_draws(seed, indices, 4))
            targets = torch.einsum("sij,sj->si", self._model.rep_out.matrix(rotations), targets)
        return self._batch(self._train, indices, targets, rotations)

    def validation_batch(self, indices: Tensor) -> PropertyBatch:
        """These validation structures, as they are."""
        return self._batch(self._validation, indices, self._validation_targets[indices], None)

    def loss(self, batch: PropertyBatch) -> tuple[Tensor, int]:
        """The sum over structures of the loss, and how many there are."""
        return self._losses(self._errors(batch)).sum(), batch.structures

    def metrics(self, batch: PropertyBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, and for each target the absolute error and the norm of the error, in its unit."""
        errors = self._errors(batch)
        found = {"loss": (self._losses(errors).sum(), batch.structures)}
        errors = errors * self._model.scale.to(errors)
        for target, error in zip(self.targets, torch.split(errors, self._dims, 1), strict=True):
            prefix = f"{target.name}_" if len(self.targets) > 1 else ""
            found[f"{prefix}mae"] = (error.abs().sum(), error.numel())
            if not target.is_scalar:
                found[f"{prefix}error_norm"] = (torch.linalg.vector_norm(error, dim=1).sum(), len(error))
        return found

    def _errors(self, batch: PropertyBatch) -> Tensor:
        network = self._model.normalized(batch.numbers, batch.positions, batch.edges, batch.batch, batch.structures)
        return network - batch.targets

    def _losses(self, errors: Tensor) -> Tensor:
        squares = torch.stack([block.square().sum(1) for block in torch.split(errors, self._blocks, 1)], dim=1)
        beyond = squares > _HUBER**2
        norms = torch.where(beyond, squares, 1.0).sqrt()
        return torch.where(beyond, norms - _HUBER / 2, squares / (2 * _HUBER)).mean(1)

    def _batch(self, data: StructureSet, indices: Tensor, targets: Tensor, rotations: Tensor | None) -> PropertyBatch:
        part = data.batch(indices, rotations=rotations)
        return PropertyBatch(
            part.numbers, part.positions, part.edges, part.batch, part.structures, targets.to(part.positions.dtype)
        )

    def _normalized(self, structures: Structures) -> Tensor:
        """(targets - shift) / scale, (S, D) float64."""
        counts = structures.composition(self.elements)
        parts = [
            (structures.targets[target.name] - fit(counts)) / fit.scale
            for target, fit in zip(self.targets, self.compositions, strict=True)
        ]
        return torch.cat(parts, dim=1)

    def _known(self, structures: Structures) -> Structures:
        """The structures whose elements all occur in training; says how many others there are."""
        known = structures.composition(self.elements).sum(1) == structures.counts
        if not known.all():
            warnings.warn(
                f"{int((~known).sum())} of {len(known)} validation structures have elements that no training structure "
                "has; they are left out",
                stacklevel=2,
            )
        return structures.select(known)


def build_job(config: dict[str, Any], split: dict[str, Any], structures: Structures | None = None) -> PropertyJob:
    """The job of a configuration and a split.

    Args:
        config: What `plan` decided.
        split: The split.
        structures: The data, where they are at hand; read again otherwise.

    Raises:
        UsageError: The data are gone, or no longer fit the split.
    """
    if structures is None:
        structures = read(config["data"]["source"], [Target.from_json(target) for target in config["targets"]])
        if change := check_unchanged(config["data"], len(structures)):
            warnings.warn(change, stacklevel=2)
    return PropertyJob(config, split, structures)


def _bare(structures: Structures) -> Structures:
    """Without targets, which the job keeps normalized."""
    return Structures(structures.numbers, structures.positions, structures.offsets, {}, structures.names)
