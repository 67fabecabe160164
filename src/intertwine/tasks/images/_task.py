"""The task `images`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.images._options import ImageOptions

if TYPE_CHECKING:
    from intertwine.tasks.images._job import ImageJob
    from intertwine.tasks.images._predictor import ImagePredictor
    from intertwine.training import Checkpoint, FitResult


class Images(Task):
    """A class, a number or a mask of each image."""

    name = "images"
    summary = "The class of each image, a number, or the class of each pixel."
    options = ImageOptions

    def prepare(self, options: ImageOptions, progress: ProgressCallback = no_progress) -> ImageJob:
        """Read the images, split them, build the model."""
        from intertwine.tasks.images._job import ImageJob
        from intertwine.tasks.images._plan import plan

        return ImageJob(*plan(options, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> ImageJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.images._job import ImageJob
        from intertwine.tasks.images._source import read_again

        return ImageJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[ImagePredictor]:
        """That of classes."""
        from intertwine.tasks.images._predictor import ImageClassPredictor

        return ImageClassPredictor

    def restore(self, checkpoint: Checkpoint) -> ImagePredictor:
        """The trained model of a checkpoint: of classes, numbers or masks."""
        from intertwine.tasks.images._predictor import PREDICTORS

        target = checkpoint.config.get("target")
        kind = target.get("kind") if isinstance(target, dict) else None
        return PREDICTORS.get(str(kind), self.predictor_type()).from_checkpoint(checkpoint)

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the network."""
        from intertwine.tasks.images._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation score, as given and rotated, and the change of the outputs by a rotation."""
        if job.score not in metrics:
            return super().headline(job, metrics)
        from intertwine.tasks.images._evaluation import headline_drift

        pair = [metrics[job.score], metrics["rotated"]]
        shown = [f"{value:.4g}" if job.score == "mae" else f"{100 * value:.2f} %" for value in pair]
        return f"val {job.score} {shown[0]}, rotated {shown[1]}; {headline_drift(metrics['drift'], job.config)}"

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: figures, the curve against the angle, and images that one can turn."""
        from intertwine.data import Split
        from intertwine.tasks.images._predictor import PREDICTORS
        from intertwine.tasks.images.report import ImagePage

        predictor_type = PREDICTORS[job.config["target"]["kind"]]
        predictor = predictor_type(job.model, job.config, Split.from_json(job.split))
        return ImagePage(job, result.history, predictor).write(folder / "report.html")
