"""The predictor of tasks on clouds: files or tensors to logits, and logits to tables."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine._torch_threads import torch_threads
from intertwine.data import CloudChunk, PointCloudBatch, PointCloudDataset, PointCloudSet
from intertwine.tasks._exported import ExportResult
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import AuditSettings, Evaluation, not_finite
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks.clouds._choices import estimated_share, needs_normals
from intertwine.tasks.clouds._describe import count
from intertwine.tasks.clouds._evaluation import (
    Metrics,
    Predictions,
    as_evaluation,
    evaluation_table,
    percent,
    protocol_rotations,
    with_estimated_normals,
)
from intertwine.tasks.clouds._exported import export_clouds
from intertwine.tasks.clouds._job import CloudJob, largest_change, network_dataset, network_inputs
from intertwine.tasks.clouds._memory import shapes_in_memory
from intertwine.tasks.clouds._network import CloudNetwork
from intertwine.tasks.clouds._rotations import random_rotations
from intertwine.tasks.clouds._source import (
    Sampling,
    own_normals,
    read,
    read_again,
    rename_labels,
    replace_normals,
    stream,
    warn_degenerate,
)

if TYPE_CHECKING:
    from intertwine.auditing import Report
    from intertwine.training import Checkpoint

_GAP = 0.02
"""A difference of scores that is worth a warning."""
_EXPORTED = 4
"""How many clouds an exported program is audited on."""

NetworkT = TypeVar("NetworkT", bound=CloudNetwork)


class CloudPredictor(Predictor[NetworkT, PointCloudSet]):
    """A network on clouds in use; arguments as those of `Predictor`."""

    job_type: ClassVar[type[CloudJob]]
    validation: Mapping[str, float] = MappingProxyType({})
    """The metrics of the validation split, where they are known."""
    batch_size: ClassVar[int] = 32
    export_formats: ClassVar[tuple[str, ...]] = ("torch",)
    audit_batch_size: ClassVar[int] = 2
    audit_points: ClassVar[int] = 128
    kind: ClassVar[str] = "clouds"

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The predictor of a checkpoint; arguments and errors as those of `Predictor.from_checkpoint`."""
        predictor = super().from_checkpoint(checkpoint)
        predictor.validation = checkpoint.metrics
        return predictor

    @property
    @abstractmethod
    def categories(self) -> Sequence[str]:
        """The classes that clouds must be of, if it matters."""

    @abstractmethod
    def metrics(self, clouds: PointCloudSet) -> Metrics:
        """The metrics of predictions for these clouds."""

    @abstractmethod
    def probabilities(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        """Of each class or part, rows that sum to one."""

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> Any:
        """The network that a configuration describes."""
        return cls.job_type.network(config)

    def read(self, source: str | None, progress: ProgressCallback) -> PointCloudSet:
        """Clouds with known labels, in the classes and parts of the run."""
        if source is None:
            return read_again(self.config, progress)
        sampling, labels = Sampling.of_config(self.config), self.job_type.point_labels
        clouds = read(resolve(source), sampling, parts=labels, progress=progress)
        warn_skipped(clouds.skipped)
        self._warn_estimated(int((~own_normals(clouds)).sum()))
        return rename_labels(clouds, self.categories, self.config.get("parts"), source)

    def test_examples(self, examples: PointCloudSet) -> PointCloudSet:
        """The first cloud of each shape of the test split."""
        samples: int = self.config["draws"]
        return examples.unfold(samples).select(samples * self.split.test)

    def dataset(self, clouds: PointCloudSet) -> PointCloudDataset:
        """Clouds with their neighbors."""
        return network_dataset(clouds, self.config)

    @torch.inference_mode()
    def logits(self, clouds: PointCloudBatch) -> Tensor:
        """The logits of a batch, on the CPU."""
        logits: Tensor = self.model(*network_inputs(self.model, clouds.to(self.device)))
        return logits.cpu()

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise unless each is one of `PROTOCOLS`, of a model that was trained as this one."""
        protocol_rotations(self.config["augment"], protocols)

    def measure(
        self,
        examples: PointCloudSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Metrics on clouds as given, rotated about the vertical, and rotated at random."""
        augment = self.config["augment"]
        rotations = protocol_rotations(augment, protocols)
        size = batch_size or self.batch_size
        predictions = self.predict_rotated(self.dataset(examples), rotations, size, seed=seed, progress=progress)
        up = "the up vector is an input of the model and rotates with the clouds"
        notes = (up,) if self.config["vertical"] else ()
        metrics = self.metrics(examples)
        table = evaluation_table(predictions, metrics, augment)
        evaluation = as_evaluation(table, name, len(examples), seed, notes, metrics.details(table[2]))
        if 0 < estimated_share(self.config) < 1 and bool(own_normals(examples).any()):
            dataset = self.dataset(replace_normals(examples))
            figures = metrics.measure(self.predict_rotated(dataset, ["none"], size, seed=seed)[0])
            evaluation = with_estimated_normals(evaluation, figures, metrics)
        return evaluation

    def predict_rotated(
        self,
        dataset: PointCloudDataset,
        rotations: Sequence[str],
        batch_size: int,
        *,
        seed: int,
        progress: ProgressCallback = no_progress,
    ) -> list[Predictions]:
        """Predicted labels of clouds under each of these kinds of rotation.

        Args:
            dataset: The clouds.
            rotations: Some of `ROTATIONS`.
            batch_size: Clouds at a time.
            seed: Of the rotations.
            progress: Called with how many predictions are made.
        """
        size = len(dataset)
        generator = torch.Generator().manual_seed(seed)
        normals = torch.randn(size, 4, generator=generator, dtype=torch.float64)
        batches: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {kind: [] for kind in rotations}
        kinds = dict.fromkeys(("none", *rotations))
        done, total = 0, size * len(kinds)
        for indices in torch.split(torch.arange(size), batch_size):
            given = dataset.batch(indices)
            reference = self.logits(given)
            for kind in kinds:
                logits = reference
                if kind != "none":
                    matrices = random_rotations(normals[indices], kind, self.config["up"])
                    logits = self.logits(dataset.batch(indices, rotations=matrices))
                broken = ~largest_change(logits, given).isfinite()
                if broken.any():
                    broken_name = dataset.clouds.names[int(indices[broken][0])]
                    raise not_finite(f"rotation {kind}", broken_name, "labels")
                if kind in batches:
                    confidence, predicted = self.probabilities(logits, given).max(1)
                    batches[kind].append((predicted, confidence, largest_change(logits - reference, given)))
                done += len(indices)
                progress(done, total)
        return [Predictions(kind, *map(torch.cat, zip(*parts, strict=True))) for kind, parts in batches.items()]

    def audit_inputs(self, examples: PointCloudSet, name: str) -> list[tuple[Any, ...]]:
        """Batches of clouds, thinned to `audit_points` points, with their categories where the network takes them."""
        dataset = self.dataset(_thinned(examples, self.audit_points))
        return [
            network_inputs(self.model, dataset.batch(indices, dtype=torch.float64))
            for indices in torch.split(torch.arange(len(examples)), self.audit_batch_size)
        ]

    def write_export(self, path: Path, format: str, *, force: bool) -> ExportResult:
        """Write a program from points to logits, with its neighbor searches.

        Raises:
            UsageError: There are no data to audit it on, or the file cannot be written.
        """
        examples = self.read(None, no_progress).unfold(self.config["draws"])
        dataset = self.dataset(examples.select(torch.linspace(0, len(examples) - 1, _EXPORTED).long()))
        clouds = [dataset.batch([index]) for index in range(_EXPORTED)]
        return export_clouds(self.model.cpu().eval(), clouds, self.config, path, force=force)

    def audit(self, data: str | Path | None = None, settings: AuditSettings | None = None) -> Report:
        """Measure the equivariance on one thread: the inputs are small, and two threads take twice as long."""
        with torch_threads(1):
            return super().audit(data, settings)

    def audit_note(self, examples: PointCloudSet) -> str:
        """How many of the points the audit sees; the law of a network does not depend on their number."""
        largest = int(examples.counts.max()) if len(examples) else 0
        return f"measured on at most {self.audit_points} points of each cloud" if largest > self.audit_points else ""

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[CloudChunk]:
        """The clouds of a file or a folder, a chunk at a time; files that cannot be read are named at the end."""
        skipped: list[tuple[str, str]] = []
        estimated = 0
        for chunk in stream(resolve(data), Sampling.of_config(self.config), batch_size, strict=strict):
            skipped += chunk.clouds.skipped
            warn_degenerate(chunk.clouds, data)
            estimated += int((~own_normals(chunk.clouds)).sum())
            yield chunk
        warn_skipped(skipped)
        self._warn_estimated(estimated)

    def from_memory(
        self, data: Any, batch_size: int, *, normals: Any = None, category: Any = None, **fields: Any
    ) -> Iterator[CloudChunk]:
        """Clouds of tensors or meshes of trimesh.

        Args:
            data: Positions ``(N, 3)`` or a mesh; or a list of them.
            batch_size: How many of them at a time.
            normals: ``(N, 3)`` or a list, for models that use normals.
            category: The class of the cloud by name, or a list, for models that use it.
            fields: None that is known.
        """
        sampling = Sampling.of_config(self.config)
        estimated = 0
        for chunk in shapes_in_memory(data, sampling, batch_size, normals=normals, category=category, **fields):
            estimated += int((~own_normals(chunk.clouds)).sum())
            yield chunk
        self._warn_estimated(estimated)

    def _warn_estimated(self, clouds: int) -> None:
        """A warning where so many clouds had no normals, and the model is worse with estimated ones."""
        if not clouds or not needs_normals(self.config["model"]):
            return
        score, estimated = (self.validation.get(name, 0.0) for name in (self.job_type.score, "estimated"))
        if not estimated_share(self.config):
            reason = "this model learned from those of files alone; fit it again with --estimated-normals 0.5"
        elif "estimated" in self.validation and score - estimated > _GAP:
            name = self.job_type.score
            reason = f"the validation {name} is {percent(estimated)} with such, {percent(score)} with those of files"
        else:
            return
        warnings.warn(f"{count(clouds, 'cloud')} without normals: they were estimated, and {reason}", stacklevel=2)


def _thinned(clouds: PointCloudSet, points: int) -> PointCloudSet:
    """The clouds with every second, third, ... point, so that none has more than a number of points."""
    place = torch.arange(len(clouds.positions)) - clouds.offsets[clouds.batch]
    stride = torch.div(clouds.counts + points - 1, points, rounding_mode="floor").clamp_min(1)
    kept = place % stride[clouds.batch] == 0
    counts = torch.bincount(clouds.batch[kept], minlength=len(clouds))
    return replace(
        clouds,
        positions=clouds.positions[kept],
        offsets=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
        point_fields={name: values[kept] for name, values in clouds.point_fields.items()},
    )
