"""The task `classify`, as the command line sees it. What needs torch is imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine.tasks._task import Predictor, Progress, Task
from intertwine.tasks.classify._options import ClassifyOptions

if TYPE_CHECKING:
    from intertwine.tasks.classify._job import ClassifyJob
    from intertwine.training import Checkpoint, Outcome


class Classify(Task):
    """One class a cloud."""

    name = "classify"
    summary = "The class of each shape: meshes or clouds of points."
    options = ClassifyOptions

    def fetch(self, options: ClassifyOptions, progress: Progress) -> None:
        """Download a public set, or read a folder for the first time."""
        from intertwine.tasks.clouds._source import fetch

        fetch(options, progress, parts=False)

    def fetch_again(self, config: dict[str, Any], progress: Progress) -> None:
        """Download a public set, or read a folder, that the cache no longer has."""
        from intertwine.tasks.clouds._source import read_again

        read_again(config, progress)

    def prepare(self, options: ClassifyOptions) -> ClassifyJob:
        """Read the clouds, split them, build the model."""
        from intertwine.tasks.classify._job import ClassifyJob
        from intertwine.tasks.clouds._plan import plan

        return ClassifyJob(*plan(options, parts=False))

    def build(self, config: dict[str, Any], split: dict[str, Any]) -> ClassifyJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.classify._job import ClassifyJob
        from intertwine.tasks.clouds._source import read_again

        return ClassifyJob(config, split, read_again(config))

    def restore(self, checkpoint: Checkpoint) -> Predictor:
        """The trained model of a checkpoint."""
        from intertwine.tasks.classify._predictor import ClassifyPredictor

        return ClassifyPredictor.from_checkpoint(checkpoint)

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the encoder."""
        from intertwine.tasks.clouds._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation accuracy."""
        if job.score not in metrics:
            return super().headline(job, metrics)
        return f"val acc {100 * metrics[job.score]:.1f} %, rotated {100 * metrics['rotated']:.1f} %"

    def report(self, job: Any, outcome: Outcome, folder: Path) -> Path:
        """The page of the run: curves, what is taken for what, and the clouds that one can turn."""
        from intertwine.tasks.classify._page import write_report

        return write_report(job, outcome, folder / "report.html")
