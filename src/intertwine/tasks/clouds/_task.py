"""The contract of tasks on point clouds; what needs torch is imported inside the methods."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.clouds._options import CloudOptions

if TYPE_CHECKING:
    from intertwine.tasks.clouds._job import CloudJob
    from intertwine.tasks.clouds._predictor import CloudPredictor
    from intertwine.tasks.clouds.report import RunPage
    from intertwine.training import FitResult


class CloudTask(Task):
    """Labels of point clouds, or of their points.

    Attributes:
        score_label: What the score of the job is called in the line about the best epoch.
    """

    options: ClassVar[type[CloudOptions]] = CloudOptions
    score_label: ClassVar[str]

    @abstractmethod
    def predictor_type(self) -> type[CloudPredictor[Any]]:
        """The class that uses a trained model; it names the job."""

    @abstractmethod
    def page_type(self) -> type[RunPage[Any]]:
        """The page about a run."""

    def prepare(self, options: CloudOptions, progress: ProgressCallback = no_progress) -> CloudJob:
        """Read the clouds, split them, build the model."""
        from intertwine.tasks.clouds._plan import plan

        job_type = self.predictor_type().job_type
        return job_type(*plan(options, job_type, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> CloudJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.clouds._source import read_again

        return self.predictor_type().job_type(config, split, read_again(config, progress))

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the encoder."""
        from intertwine.tasks.clouds._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation score, as in training and rotated."""
        if job.score not in metrics:
            return super().headline(job, metrics)
        scores = {"": job.score, "rotated ": "rotated", "estimated normals ": "estimated"}
        texts = [f"{name}{100 * metrics[key]:.1f} %" for name, key in scores.items() if key in metrics]
        return f"val {self.score_label} {', '.join(texts)}"

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: curves, confusion, and the clouds, which one can rotate."""
        from intertwine.data import Split

        predictor = self.predictor_type()(job.model, job.config, Split.from_json(job.split))
        return self.page_type()(job, result.history, predictor).write(folder / "report.html")
