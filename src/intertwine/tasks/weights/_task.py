"""The task `weights`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.weights._options import PUBLIC, WeightOptions

if TYPE_CHECKING:
    from intertwine.tasks.weights._job import WeightJob
    from intertwine.tasks.weights._predictor import WeightPredictor
    from intertwine.training import Checkpoint, FitResult


class WeightsTask(Task):
    """A class or a number of each network, from its weights."""

    name = "weights"
    summary = "A class or a number of each network of a folder of checkpoints, from its weights."
    options = WeightOptions

    def prepare(self, options: WeightOptions, progress: ProgressCallback = no_progress) -> WeightJob:
        """Read the networks, split them, build the model."""
        from intertwine.tasks.weights._job import WeightJob
        from intertwine.tasks.weights._plan import plan

        return WeightJob(*plan(options, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> WeightJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.weights._job import WeightJob
        from intertwine.tasks.weights._source import read_again

        return WeightJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[WeightPredictor]:
        """That of classes."""
        from intertwine.tasks.weights._predictor import WeightClassPredictor

        return WeightClassPredictor

    def restore(self, checkpoint: Checkpoint) -> WeightPredictor:
        """The trained model of a checkpoint: of classes or numbers."""
        from intertwine.tasks.weights._predictor import PREDICTORS

        target = checkpoint.config.get("target")
        kind = target.get("kind") if isinstance(target, dict) else None
        return PREDICTORS.get(str(kind), self.predictor_type()).from_checkpoint(checkpoint)

    def progress_unit(self, source: str) -> str:
        """Networks of a public set, which are trained here; else files."""
        return "networks" if source in PUBLIC else "files"

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the model."""
        from intertwine.tasks.weights._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation score, and the change of the outputs by a permutation."""
        if job.score not in metrics:
            return super().headline(job, metrics)
        value = metrics[job.score]
        shown = f"{value:.4g}" if job.score == "mae" else f"{100 * value:.2f} %"
        return f"val {job.score} {shown}; a permutation changes the outputs by {100 * metrics['drift']:.2g} %"

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run."""
        from intertwine.data import Split
        from intertwine.tasks.weights._page import WeightPage
        from intertwine.tasks.weights._predictor import PREDICTORS

        predictor = PREDICTORS[job.config["target"]["kind"]](job.model, job.config, Split.from_json(job.split))
        return WeightPage(job, result.history, predictor).write(folder / "report.html")
