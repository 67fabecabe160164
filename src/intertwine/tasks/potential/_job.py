"""The training job of a potential: batches, loss and metrics."""

from __future__ import annotations

import time
import warnings
from copy import deepcopy
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, Split
from intertwine.models import Potential
from intertwine.tasks._source import fingerprint
from intertwine.tasks.potential._dataset import FrameDataset, FrameGraphs
from intertwine.tasks.potential._loss import Errors, LossWeights, frame_losses
from intertwine.tasks.potential._refit import refit_potential, seconds_of_refit
from intertwine.tasks.potential.frames import read_frames
from intertwine.training import Refit

_VALIDATION_BATCH = 16


class FrameLabels(NamedTuple):
    """Labels of a batch: energy (B,), forces (N, 3), stress (B, 9); has_energy, has_forces, has_stress (B,) bool."""

    energy: Tensor
    forces: Tensor
    stress: Tensor
    has_energy: Tensor
    has_forces: Tensor
    has_stress: Tensor


class PotentialBatch(NamedTuple):
    """Frames and their labels, float64."""

    graphs: FrameGraphs
    labels: FrameLabels


class PotentialJob:
    """Frames, a `Potential`, and the loss between them.

    The energies of the loss are differences in float64: total energies of thousands of eV keep their digits. Its
    weights follow the completed share of the run (`schedule`); validation uses those of the end.
    """

    def __init__(self, config: dict[str, Any], split: dict[str, Any], frames: PointCloudSet) -> None:
        self.task, self.config, self.split = "potential", config, split
        self.monitor = "loss"
        self.weights = LossWeights(*config["weights"])
        self._current = self.weights.at(0.0)
        self.elements = tuple(config["model"]["elements"])
        self.scale = float(config["model"]["energy_scale"])
        parts = Split.from_json(split)
        self.frames = frames
        self.train = frames.select(parts.train)
        self.validation = known_frames(frames.select(parts.validation), self.elements, "validation")
        cutoff = config["model"]["cutoff"]
        self.train_graphs, self.validation_graphs = (
            FrameDataset(part, cutoff) for part in (self.train, self.validation)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.model: nn.Module = build_potential(config)

    def train_size(self) -> int:
        """How many frames there are to train on."""
        return len(self.train)

    def validation_size(self) -> int:
        """How many frames there are to validate on."""
        return len(self.validation)

    def schedule(self, completed: float) -> None:
        """Set the weights of the loss for a completed share of the run, 0 to 1."""
        self._current = self.weights.at(completed)

    def train_batch(self, indices: Tensor, seed: int) -> PotentialBatch:
        """These training frames; there is no augmentation, the model is equivariant."""
        return frame_batch(self.train_graphs, indices)

    def validation_batch(self, indices: Tensor) -> PotentialBatch:
        """These validation frames."""
        return frame_batch(self.validation_graphs, indices)

    def loss(self, batch: PotentialBatch) -> tuple[Tensor, int]:
        """The sum over frames of the loss, and how many there are."""
        errors = label_errors(self.model, batch, differentiable=True)
        return frame_losses(errors, self._current, self.scale).sum(), batch.graphs.num_structures

    def metrics(self, batch: PotentialBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; absolute errors of the energy per atom in meV, of force components in meV/A."""
        errors = label_errors(self.model, batch, differentiable=False)
        losses = frame_losses(errors, self.weights, self.scale)
        known = errors.has_forces[errors.structures]
        values = {"loss": (losses.sum(), len(losses))}
        parts = {
            "energy_mae": (errors.energy / errors.atoms)[errors.has_energy],
            "forces_mae": errors.forces[known],
            "stress_mae": errors.stress[errors.has_stress],
        }
        present = {"energy_mae": "energy", "forces_mae": "forces", "stress_mae": "stress"}
        for name, part in parts.items():
            if self.config["found"][present[name]]:
                values[name] = (1000 * part.abs().sum(), part.numel())
        return values

    def refit(self) -> Refit | None:
        """Solve for the readout and the committee; None where no energy is known."""
        if not self.config["found"]["energy"] or not self.weights.energy:
            return None
        return refit_potential(
            cast("Potential", self.model),
            self.train_graphs,
            self.weights,
            self._validate,
            references=self.config["reference"].get("fitted", False),
            seed=self.config["seed"],
        )

    def refit_seconds(self) -> float:
        """How long :meth:`refit` will take, by its first batches and a batch of validation."""
        if not self.config["found"]["energy"] or not self.weights.energy:
            return 0.0
        training, begin = self.model.training, time.monotonic()
        self.model.eval()
        self.metrics(self.validation_batch(torch.arange(min(_VALIDATION_BATCH, self.validation_size()))))
        validation = (time.monotonic() - begin) * -(-self.validation_size() // _VALIDATION_BATCH)
        self.model.train(training)
        model = deepcopy(cast("Potential", self.model)).eval()
        return 2 * validation + seconds_of_refit(model, self.train_graphs, self.weights, self.config["seed"])

    def _validate(self) -> dict[str, float]:
        """The validation metrics of the model as it is."""
        self.model.eval()
        sums: dict[str, list[float]] = {}
        for indices in torch.split(torch.arange(self.validation_size()), _VALIDATION_BATCH):
            for name, (total, count) in self.metrics(self.validation_batch(indices)).items():
                found = sums.setdefault(name, [0.0, 0.0])
                found[0] += float(total)
                found[1] += count
        return {name: total / count for name, (total, count) in sums.items() if count}


def build_potential(config: dict[str, Any]) -> Potential:
    """The model that a configuration describes, with initial weights."""
    return Potential(**config["model"])


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> PointCloudSet:
    """The frames that a run was begun with; a warning says when a file has changed.

    Raises:
        UsageError: A file is gone, or has more or fewer frames: the split does not fit.
    """
    recorded = config["data"]["files"]
    sources = [file["source"] for file in recorded]
    found = read_frames(sources, config["keys"], progress, units=config.get("units"))
    for file, now in zip(recorded, found.files, strict=True):
        if file["frames"] != now.frames:
            raise UsageError(
                f"{file['source']} had {file['frames']:,} frames when this model was trained and has {now.frames:,} "
                "now: the split no longer fits; pass the data to use"
            )
        if any(file.get(key) != value for key, value in fingerprint(file["source"]).items()):
            warnings.warn(
                f"{file['source']} has changed since this model was trained; frames are taken by their order",
                stacklevel=2,
            )
    return found.frames


def known_frames(frames: PointCloudSet, elements: tuple[int, ...], part: str) -> PointCloudSet:
    """The frames whose elements all occur in training; a warning counts the others."""
    known = frames.composition(elements).sum(1) == frames.counts
    if not known.all():
        warnings.warn(
            f"{int((~known).sum())} of {len(known)} {part} frames have elements that no training frame has; they are "
            "left out",
            stacklevel=2,
        )
    return frames.select(known)


def frame_batch(dataset: FrameDataset, indices: Tensor, dtype: torch.dtype = torch.float32) -> PotentialBatch:
    """Frames of a dataset with their labels."""
    some = dataset.frames.select(indices)
    fields = some.cloud_fields
    labels = FrameLabels(
        fields["energy"][:, 0],
        some.point_fields["forces"],
        fields["stress"],
        *(fields[name][:, 0] for name in ("has_energy", "has_forces", "has_stress")),
    )
    return PotentialBatch(dataset.batch(indices, dtype), labels)


def label_errors(model: nn.Module, batch: PotentialBatch, *, differentiable: bool) -> Errors:
    """Predicted minus true labels of a batch.

    Args:
        model: A `Potential`.
        batch: Frames with labels.
        differentiable: Whether forces are to be differentiable in the weights, for training.
    """
    graphs, labels = batch
    with torch.enable_grad():
        out = model(
            *graphs[:6],
            cells=graphs.cells,
            forces=bool(labels.has_forces.any()),
            stress=bool(labels.has_stress.any()),
        )
    forces = torch.zeros_like(labels.forces) if out.forces is None else out.forces - labels.forces
    stress = torch.zeros_like(labels.stress) if out.stress is None else out.stress.flatten(1) - labels.stress
    atoms = labels.energy.new_zeros(graphs.num_structures).index_add_(
        0, graphs.structures, labels.energy.new_ones(len(graphs.numbers))
    )
    volume = torch.linalg.det(graphs.cells.to(torch.float64)).abs()
    errors = Errors(
        out.energy - labels.energy, forces, stress, volume, atoms, labels.has_energy, labels.has_forces,
        labels.has_stress, graphs.structures,
    )  # fmt: skip
    return errors if differentiable else Errors(*(value.detach() for value in errors))
