"""A trained model together with what turns files into its inputs, and what it says into tables."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.auditing import Report, audit
from intertwine.data import ShapeSet, Split
from intertwine.tasks._source import check_source, resolve
from intertwine.tasks._task import AuditSettings, Evaluation, Progress
from intertwine.tasks.clouds._clouds import CloudBatch
from intertwine.tasks.clouds._evaluation import Metrics, as_evaluation, chosen_turns, evaluate, judge
from intertwine.tasks.clouds._job import LabeledClouds, ShapeJob, logits_of
from intertwine.tasks.clouds._source import CloudChunk, Files, Sampling, read, read_again, renamed, stream

if TYPE_CHECKING:
    from intertwine.training import Checkpoint

_AUDITED = 2


class ShapePredictor(ABC):
    """A model of clouds in use.

    Args:
        model: The model, in evaluation mode.
        config: The configuration of its run.
        split: The split of its run.
    """

    job: ClassVar[type[ShapeJob]]
    suffixes: tuple[str, ...]
    batch_size: int = 32

    def __init__(self, model: nn.Module, config: dict[str, Any], split: Split) -> None:
        self.config, self.split = config, split
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The predictor of a checkpoint.

        Raises:
            UsageError: The weights do not fit the configuration.
        """
        try:
            with torch.random.fork_rng(devices=[]):
                model = cls.job.network(checkpoint.config)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{checkpoint.folder}: its configuration is not one of this version: {error!r}") from error
        checkpoint.load_into(model)
        return cls(model, checkpoint.config, Split.from_json(checkpoint.split))

    @property
    @abstractmethod
    def kinds(self) -> Sequence[str]:
        """The classes that clouds must be of, if it matters."""

    @abstractmethod
    def measures(self, shapes: ShapeSet) -> Metrics:
        """What predictions for these clouds are held against."""

    @abstractmethod
    def probabilities(self, logits: Tensor, batch: Tensor, category: Tensor | None) -> Tensor:
        """Of each class or part, rows that sum to one."""

    @abstractmethod
    def predict(
        self, data: str, output: Path, suffix: str, *, batch_size: int, progress: Progress, strict: bool = False
    ) -> int:
        """Write predictions for a file or a folder of files; returns for how many."""

    def stream(self, data: str, chunk: int, *, strict: bool) -> Iterator[CloudChunk]:
        """The clouds of a file or a folder of files, a chunk at a time; those that cannot be read are named at the end.

        Raises:
            UsageError: There is nothing to read; or, if strict, at the first file that cannot be read.
        """
        check_source(data)
        skipped: Files = []
        yield from stream(resolve(data), Sampling.of(self.config), chunk, skipped, strict=strict)
        warn_skipped(skipped)

    @torch.inference_mode()
    def logits(self, cloud: CloudBatch, category: Tensor | None) -> Tensor:
        """What the model says of a batch, on the CPU."""
        vectors = None if cloud.vectors is None else cloud.vectors.to(self.device)
        positions, edges, batch = (part.to(self.device) for part in (cloud.positions, cloud.edges, cloud.batch))
        moved = CloudBatch(vectors, positions, edges, batch, cloud.structures)
        return logits_of(self.model, moved, None if category is None else category.to(self.device)).cpu()

    def held(self, shapes: ShapeSet) -> LabeledClouds:
        """Clouds with their neighbors found."""
        return LabeledClouds.of(shapes, torch.arange(len(shapes)), self.config)

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise unless each is one of `PROTOCOLS`, of a model that was trained as this one."""
        chosen_turns(self.config["augment"], protocols)

    def fetch(self, data: str | None, progress: Progress) -> None:
        """Read what `evaluate` will read, which then lies in the cache.

        Raises:
            UsageError: As for `load`.
        """
        self._read(data, progress)

    def _read(self, data: str | None, progress: Progress | None = None) -> ShapeSet:
        own = self.config["data"]
        if data is None or resolve(data) == own["source"]:
            return read_again(self.config, progress)
        check_source(data)
        return read(resolve(data), Sampling.of(self.config), parts="parts" in self.config, progress=progress)

    def load(self, data: str | None) -> tuple[ShapeSet, str]:
        """Clouds to judge by: all of `data`, or the test part of what the model was trained on; and what they are.

        Raises:
            UsageError: They cannot be read, or there are none, or they have a class that was not learned.
        """
        own, shapes = self.config["data"], self._read(data)
        if data is not None and resolve(data) != own["source"]:
            warn_skipped(shapes.skipped)
            return renamed(shapes, self.kinds, self.config.get("parts"), data), data
        if not len(self.split.test):
            raise UsageError(f"the split of {own['given']} left no clouds for the test; pass other data")
        draws: int = self.config["draws"]
        return shapes.unfold(draws).select(draws * self.split.test), f"test split of {own['given']}"

    def evaluate(
        self, data: str | None, *, batch_size: int, seed: int, progress: Progress, protocols: Sequence[str] = ()
    ) -> Evaluation:
        """How right the model is on clouds as they are, turned about the vertical, and turned at random."""
        augment = self.config["augment"]
        turns = chosen_turns(augment, protocols)
        shapes, what = self.load(data)
        judged = judge(self, self.held(shapes), turns, batch_size=batch_size, seed=seed, progress=progress)
        notes = ("the model is told the vertical, which turns with the clouds",) if self.config["vertical"] else ()
        return as_evaluation(evaluate(judged, self.measures(shapes), augment), what, len(shapes), seed, notes)

    def audit(self, data: str | None, auditing: AuditSettings) -> Report:
        """The equivariance of the logits, on a batch of real clouds."""
        shapes, _ = self.load(data)
        generator = torch.Generator().manual_seed(auditing.seed)
        order = torch.randperm(len(shapes), generator=generator)[: auditing.inputs * _AUDITED]
        held = self.held(shapes.select(order))
        inputs = []
        for indices in torch.split(torch.arange(len(order)), _AUDITED):
            extra = (held.category(indices),) if getattr(self.model, "categories", 0) else ()
            inputs.append((*held.clouds.batch(indices, dtype=torch.float64), *extra))
        model: Any = self.model
        return audit(
            model, model.action_in, model.action_out, inputs=inputs, samples=auditing.samples, seed=auditing.seed
        )


def warn_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    """Name the files that were left out, in one line."""
    from intertwine.tasks.clouds._describe import skipped_text

    if skipped:
        warnings.warn(skipped_text(skipped).removeprefix("; "), stacklevel=2)
