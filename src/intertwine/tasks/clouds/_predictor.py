"""The predictor of tasks on clouds: files or tensors to logits, and logits to tables."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import ShapeSet
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation
from intertwine.tasks._source import resolve
from intertwine.tasks.clouds._clouds import CloudBatch
from intertwine.tasks.clouds._describe import skipped_text
from intertwine.tasks.clouds._evaluation import (
    Metrics,
    Predictions,
    as_evaluation,
    evaluation_table,
    protocol_rotations,
)
from intertwine.tasks.clouds._job import CloudJob, LabeledClouds, compute_logits, largest_change, network_inputs
from intertwine.tasks.clouds._memory import shapes_in_memory
from intertwine.tasks.clouds._network import CloudNetwork
from intertwine.tasks.clouds._rotations import random_rotations
from intertwine.tasks.clouds._source import CloudChunk, Files, Sampling, read, read_again, rename_classes, stream

NetworkT = TypeVar("NetworkT", bound=CloudNetwork)


class CloudPredictor(Predictor[NetworkT, ShapeSet]):
    """A network on clouds in use; arguments as those of `Predictor`."""

    job_type: ClassVar[type[CloudJob]]
    batch_size: ClassVar[int] = 32
    audit_batch_size: ClassVar[int] = 2
    kind: ClassVar[str] = "clouds"

    @property
    @abstractmethod
    def categories(self) -> Sequence[str]:
        """The classes that clouds must be of, if it matters."""

    @abstractmethod
    def metrics(self, shapes: ShapeSet) -> Metrics:
        """The metrics of predictions for these clouds."""

    @abstractmethod
    def probabilities(self, logits: Tensor, batch: Tensor, category: Tensor | None) -> Tensor:
        """Of each class or part, rows that sum to one."""

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> Any:
        """The network that a configuration describes."""
        return cls.job_type.network(config)

    def read(self, source: str | None, progress: ProgressCallback) -> ShapeSet:
        """Clouds with known labels, in the classes and parts of the run."""
        if source is None:
            return read_again(self.config, progress)
        sampling, labels = Sampling.of_config(self.config), self.job_type.point_labels
        shapes = read(resolve(source), sampling, parts=labels, progress=progress)
        warn_skipped(shapes.skipped)
        return rename_classes(shapes, self.categories, self.config.get("parts"), source)

    def test_examples(self, examples: ShapeSet) -> ShapeSet:
        """The first cloud of each shape of the test split."""
        samples: int = self.config["draws"]
        return examples.unfold(samples).select(samples * self.split.test)

    def label(self, shapes: ShapeSet) -> LabeledClouds:
        """Clouds with their neighbors."""
        return LabeledClouds.of(shapes, torch.arange(len(shapes)), self.config)

    @torch.inference_mode()
    def logits(self, clouds: CloudBatch, category: Tensor | None) -> Tensor:
        """The logits of a batch, on the CPU."""
        vectors = None if clouds.vectors is None else clouds.vectors.to(self.device)
        positions, edges, batch = (part.to(self.device) for part in (clouds.positions, clouds.edges, clouds.batch))
        moved = CloudBatch(vectors, positions, edges, batch, clouds.structures)
        return compute_logits(self.model, moved, None if category is None else category.to(self.device)).cpu()

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise unless each is one of `PROTOCOLS`, of a model that was trained as this one."""
        protocol_rotations(self.config["augment"], protocols)

    def measure(
        self,
        examples: ShapeSet,
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
        predictions = self.predict_rotated(self.label(examples), rotations, size, seed=seed, progress=progress)
        notes = ("the model is told the vertical, which turns with the clouds",) if self.config["vertical"] else ()
        table = evaluation_table(predictions, self.metrics(examples), augment)
        return as_evaluation(table, name, len(examples), seed, notes)

    def predict_rotated(
        self,
        labeled: LabeledClouds,
        rotations: Sequence[str],
        batch_size: int,
        *,
        seed: int,
        progress: ProgressCallback = no_progress,
    ) -> list[Predictions]:
        """Predicted labels of clouds under each of these kinds of rotation.

        Args:
            labeled: The clouds.
            rotations: Some of `ROTATIONS`.
            batch_size: Clouds at a time.
            seed: Of the rotations.
            progress: Called with how many predictions are made.
        """
        size = len(labeled.clouds)
        generator = torch.Generator().manual_seed(seed)
        normals = torch.randn(size, 4, generator=generator, dtype=torch.float64)
        batches: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {kind: [] for kind in rotations}
        kinds = dict.fromkeys(("none", *rotations))
        done, total = 0, size * len(kinds)
        for indices in torch.split(torch.arange(size), batch_size):
            given, category = labeled.clouds.batch(indices), labeled.category(indices)
            reference = self.logits(given, category)
            for kind in kinds:
                logits = reference
                if kind != "none":
                    matrices = random_rotations(normals[indices], kind, self.config["up"])
                    logits = self.logits(labeled.clouds.batch(indices, rotations=matrices), category)
                if kind in batches:
                    confidence, predicted = self.probabilities(logits, given.batch, category).max(1)
                    batches[kind].append((predicted, confidence, largest_change(logits - reference, given)))
                done += len(indices)
                progress(done, total)
        return [Predictions(kind, *map(torch.cat, zip(*parts, strict=True))) for kind, parts in batches.items()]

    def audit_inputs(self, examples: ShapeSet, name: str) -> list[tuple[Any, ...]]:
        """Batches of clouds, with their categories where the network takes them."""
        labeled = self.label(examples)
        return [
            network_inputs(
                self.model, labeled.clouds.batch(indices, dtype=torch.float64), labeled.category(indices)
            )
            for indices in torch.split(torch.arange(len(examples)), self.audit_batch_size)
        ]

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[CloudChunk]:
        """The clouds of a file or a folder, a chunk at a time; files that cannot be read are named at the end."""
        skipped: Files = []
        yield from stream(resolve(data), Sampling.of_config(self.config), batch_size, skipped, strict=strict)
        warn_skipped(skipped)

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
        return shapes_in_memory(data, sampling, batch_size, normals=normals, category=category, **fields)


def warn_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    """Name the files that were left out, in one line."""
    if skipped:
        warnings.warn(skipped_text(skipped).removeprefix("; "), stacklevel=2)
