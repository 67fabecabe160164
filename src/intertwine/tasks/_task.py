"""The contract of a task: one application, from the user's files to a trained, audited model and its predictions.

A task says what it reads, its model, its loss and metrics (a `training.Job`), the figures of its report, and what its
trained model writes (a `Predictor`). A new task is one folder with a subclass of `Task` and one line of registration
(in `_registry.py`, or as an entry point of the group `intertwine.tasks` in another package). The command line and
`intertwine.fit` know nothing but this contract. The module that holds the subclass is imported to list its options, so
it leaves torch to the functions that need it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._source import progress_unit
from intertwine.tasks.options import FitOptions

if TYPE_CHECKING:
    from intertwine.tasks._predictor import Predictor
    from intertwine.training import Checkpoint, FitResult, Job


class Task(ABC):
    """One application. See the module's first lines."""

    name: ClassVar[str]
    summary: ClassVar[str]
    options: ClassVar[type[FitOptions]] = FitOptions

    @abstractmethod
    def prepare(self, options: Any, progress: ProgressCallback = no_progress) -> Job:
        """Read the data, split it, build the model: all that training needs.

        Args:
            options: An instance of this task's `options`, checked.
            progress: Called while data are read, in units of `progress_unit`.

        Raises:
            UsageError: The data or the options are not what was expected.
        """

    @abstractmethod
    def build(self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress) -> Job:
        """The same job again, from the `config` and `split` that `prepare` gave it: this is how a run resumes.

        Raises:
            UsageError: The data are gone, or no longer fit the split.
        """

    @abstractmethod
    def predictor_type(self) -> type[Predictor[Any, Any]]:
        """The class that uses a trained model; imported here, when it is asked for."""

    def restore(self, checkpoint: Checkpoint) -> Predictor[Any, Any]:
        """The trained model of a checkpoint, ready to be used."""
        return self.predictor_type().from_checkpoint(checkpoint)

    def progress_unit(self, source: str) -> str:
        """What `progress` counts while a source is read: "bytes" or "files".

        Args:
            source: A path or the name of a public set.
        """
        return progress_unit(source)

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

    def report(self, job: Job, result: FitResult, folder: Path) -> Path | None:
        """Write a page about a run that has ended; None where the task has none to write.

        Args:
            job: The job, with the best weights.
            result: How training ended.
            folder: The folder of the run.
        """
        return None
