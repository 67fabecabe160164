"""What a task is: one application, from the user's files to a trained, audited model and its predictions.

A new task is one folder with a subclass of `Task` and one line of registration (in `_registry.py`, or as an entry point
of the group `intertwine.tasks` in another package). The command line knows nothing but this contract. The module that
holds the subclass is imported to list its options, so it leaves torch to the functions that need it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from intertwine.tasks._options import FitOptions

if TYPE_CHECKING:
    from intertwine.auditing import Report
    from intertwine.training import Checkpoint, FitResult, Job

Progress = Callable[[int, int | None], None]
"""Called with how many are done, and of how many (None when nobody knows yet)."""


def silent(done: int, total: int | None) -> None:
    """The progress that nobody watches."""


@dataclass(frozen=True)
class Evaluation:
    """A table for people and the same figures for programs.

    Attributes:
        columns: Headings; the first column names the rows.
        rows: Cells as text.
        metrics: JSON, written beside the checkpoint.
        notes: Lines worth saying under the table.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    metrics: dict[str, Any]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class AuditSettings:
    """How an audit is drawn: `samples` elements of the group on each of `inputs` examples."""

    samples: int = 32
    inputs: int = 2
    seed: int = 0


class Predictor(Protocol):
    """A trained model with everything that turns files into its inputs and its outputs into files."""

    suffixes: tuple[str, ...]
    """What predictions may be written as, the usual one first; an empty one is a folder."""
    batch_size: int
    """How many examples at a time, when nobody says."""

    def check_protocols(self, protocols: Sequence[str]) -> None:
        """Raise a `UsageError` unless `evaluate` knows them all; nothing is read for it."""

    def fetch(self, data: str | None, progress: Progress) -> None:
        """Bring what `evaluate` needs into the cache, where that takes so long that one wants to see it."""

    def evaluate(
        self, data: str | None, *, batch_size: int, seed: int, progress: Progress, protocols: Sequence[str] = ()
    ) -> Evaluation:
        """Hold the model against known answers: those of `data`, or of the test split of the data it was trained on.

        `protocols` are names that the task gives to ways of doing so.
        """

    def predict(
        self, data: str, output: Path, suffix: str, *, batch_size: int, progress: Progress, strict: bool = False
    ) -> int:
        """Write predictions for `data` to `output` in the format of `suffix`; returns how many.

        Memory does not grow with their number. What cannot be read is named, and skipped where that makes sense;
        `strict` refuses it.
        """

    def audit(self, data: str | None, auditing: AuditSettings) -> Report:
        """Measure the equivariance of the model on real examples."""


class Task(ABC):
    """One application. See the module's first lines."""

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[type[FitOptions]] = FitOptions

    def fetch(self, options: Any, progress: Progress) -> None:
        """Bring the data into the cache, where that takes so long that one wants to see it; `prepare` comes next.

        Args:
            options: An instance of this task's `options`, checked.
            progress: Told how much is done: bytes of a public set, or files of a folder.

        Raises:
            UsageError: The data are not what was expected.
        """
        return

    def fetch_again(self, config: dict[str, Any], progress: Progress) -> None:
        """The same for a run that goes on; `build` comes next.

        Args:
            config: Of the run.
            progress: As for `fetch`.

        Raises:
            UsageError: The data are gone, or others than they were.
        """
        return

    @abstractmethod
    def prepare(self, options: Any) -> Job:
        """Read the data, split it, build the model: all that training needs.

        Args:
            options: An instance of this task's `options`, checked.

        Raises:
            UsageError: The data or the options are not what was expected.
        """

    @abstractmethod
    def build(self, config: dict[str, Any], split: dict[str, Any]) -> Job:
        """The same job again, from the `config` and `split` that `prepare` gave it: this is how a run resumes."""

    @abstractmethod
    def restore(self, checkpoint: Checkpoint) -> Predictor:
        """The trained model of a checkpoint, ready to be used."""

    def describe(self, job: Job, folder: Path) -> list[tuple[str, str]]:
        """Lines to show before training starts, as (label, text).

        Args:
            job: What `prepare` returned.
            folder: The folder of the run.
        """
        return []

    def headline(self, job: Job, metrics: dict[str, float]) -> str:
        """The metric that chose the best epoch, in words.

        Args:
            job: The job.
            metrics: Those of the checkpoint.
        """
        value = metrics.get(job.monitor)
        return f"val {job.monitor} {value:.4g}" if value is not None else "not validated yet"

    def report(self, job: Job, outcome: FitResult, folder: Path) -> Path | None:
        """Write a page about a run that has ended; None where the task has none to write.

        Args:
            job: The job, with the best weights.
            outcome: How the fit ended.
            folder: The folder of the run.
        """
        return None
