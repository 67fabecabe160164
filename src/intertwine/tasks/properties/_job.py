"""The training job of properties: batches, a loss and metrics."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.data import PointCloudBatch, PointCloudDataset, PointCloudSet, RadiusNeighbors, Split
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.properties._composition import Composition, atom_compositions, block_sizes, fit_composition
from intertwine.tasks.properties._model import PropertyModel, network_inputs
from intertwine.tasks.properties._source import target_values
from intertwine.tasks.properties._targets import Target
from intertwine.training import normal_per_example

_HUBER = 0.01
"""The error, over the scale of the target, below which the loss is quadratic and above which it is linear."""


TARGETS = "normalized_targets"
"""The field of a training batch, of structures or of atoms, that holds what the model learns."""


class PropertyBatch(NamedTuple):
    """Structures and their normalized targets, (structures, D) or (atoms, D)."""

    structures: PointCloudBatch
    targets: Tensor


class PropertyJob:
    """Structures, a `PropertyModel`, and the loss between them.

    Loss of a structure, or of an atom where each has its own targets: the mean over the irreps of its targets of
    h(|error| / scale), with the norm over the components of the irrep and h the smooth L1 (Huber over beta = 0.01):
    invariant under rotations, L1 for scalars.

    Augmentation rotates each training structure, and its targets, by a rotation that follows from (seed, index).
    `held_out` are the test structures, or those of validation where there are none, for the page of the run.
    """

    def __init__(self, config: dict[str, Any], split: dict[str, Any], structures: PointCloudSet) -> None:
        self.task, self.config, self.split = "properties", config, split
        self.targets = tuple(map(Target.from_json, config["targets"]))
        self.elements = tuple(config["elements"])
        parts, pools = Split.from_json(split), [target["pool"] for target in config["targets"]]
        train, validation = structures.select(parts.train), self._known(structures.select(parts.validation))
        held_out = structures.select(parts.test if len(parts.test) else parts.validation)
        self.held_out = held_out.select(self._has_known_elements(held_out))
        self._per_atom = any(target.per_atom for target in self.targets)
        counts = self._compositions(train)
        self.compositions: tuple[Composition, ...] = tuple(
            fit_composition(counts, target_values(train, target), target, "sum" if target.per_atom else pool)
            for target, pool in zip(self.targets, pools, strict=True)
        )
        cutoff = config["encoder"]["cutoff"]
        self._train, self._validation = (
            structure_dataset(self._with_targets(part), cutoff) for part in (train, validation)
        )
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
        if not self.config["augment"]:
            return self._batch(self._train, indices, None)
        return self._batch(self._train, indices, quaternion_rotations(normal_per_example(seed, indices, 4)))

    def validation_batch(self, indices: Tensor) -> PropertyBatch:
        """These validation structures, as they are."""
        return self._batch(self._validation, indices, None)

    def loss(self, batch: PropertyBatch) -> tuple[Tensor, int]:
        """The sum over structures, or over atoms, of the loss, and how many there are."""
        return self._losses(self._errors(batch)).sum(), len(batch.targets)

    def metrics(self, batch: PropertyBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, and for each target the absolute error and the norm of the error, in its unit."""
        errors = self._errors(batch)
        values = {"loss": (self._losses(errors).sum(), len(batch.targets))}
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

    def _batch(self, dataset: PointCloudDataset, indices: Tensor, rotations: Tensor | None) -> PropertyBatch:
        structures = dataset.batch(indices, rotations=rotations)
        targets = (structures.point_fields if self._per_atom else structures.cloud_fields)[TARGETS]
        if rotations is not None:
            matrices = self._model.rep_out.matrix(rotations)
            by_row = matrices[structures.batch] if self._per_atom else matrices
            targets = torch.einsum("sij,sj->si", by_row, targets)
        return PropertyBatch(structures, targets.to(structures.positions.dtype))

    def _compositions(self, structures: PointCloudSet) -> Tensor:
        """Atoms of each element, in each structure or of each atom alone: (S or N, K) float64."""
        if self._per_atom:
            return atom_compositions(structures, self.elements)
        return structures.composition(self.elements)

    def _with_targets(self, structures: PointCloudSet) -> PointCloudSet:
        """The structures with (targets - shift) / scale as the field `TARGETS`, (S or N, D) float64."""
        counts = self._compositions(structures)
        parts = [
            (target_values(structures, target) - fit(counts)) / fit.scale
            for target, fit in zip(self.targets, self.compositions, strict=True)
        ]
        normalized = {TARGETS: torch.cat(parts, dim=1)}
        if self._per_atom:
            return replace(structures, point_fields={**structures.point_fields, **normalized})
        return replace(structures, cloud_fields={**structures.cloud_fields, **normalized})

    def _known(self, structures: PointCloudSet) -> PointCloudSet:
        """The structures whose elements all occur in training; a warning counts the others."""
        known = self._has_known_elements(structures)
        if not known.all():
            warnings.warn(
                f"{int((~known).sum())} of {len(known)} validation structures have elements that no training structure "
                "has; they are left out",
                stacklevel=2,
            )
        return structures.select(known)

    def _has_known_elements(self, structures: PointCloudSet) -> Tensor:
        """(S,) whether all elements of a structure occur in training."""
        return structures.composition(self.elements).sum(1) == structures.counts


def structure_dataset(structures: PointCloudSet, cutoff: float) -> PointCloudDataset:
    """Structures with the neighbors of their atoms, without targets but the normalized ones."""
    return PointCloudDataset(structures.select_fields("numbers", "cell", "pbc", TARGETS), RadiusNeighbors(cutoff))
