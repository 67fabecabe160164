"""The task `register`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.register._options import RegisterOptions

if TYPE_CHECKING:
    from intertwine.tasks.register._job import RegisterJob
    from intertwine.tasks.register._predictor import RegisterPredictor
    from intertwine.training import FitResult


class RegisterTask(Task):
    """The motion between two partial views of a shape, learned from whole shapes."""

    name = "register"
    summary = "Motions between overlapping point clouds, learned from partial views of shapes; no labels."
    options = RegisterOptions

    def prepare(self, options: RegisterOptions, progress: ProgressCallback = no_progress) -> RegisterJob:
        """Read the shapes, split them, build the network."""
        from intertwine.tasks.register._job import RegisterJob
        from intertwine.tasks.register._plan import plan

        return RegisterJob(*plan(options, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> RegisterJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.register._job import RegisterJob
        from intertwine.tasks.register._source import read_again

        return RegisterJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[RegisterPredictor]:
        """The predictor of motions."""
        from intertwine.tasks.register._predictor import RegisterPredictor

        return RegisterPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The shapes, what was split how, the pairs, and the size of the network."""
        from intertwine.tasks._description import data_line
        from intertwine.tasks.register._network import network_text

        data, pairs = job.config["data"], job.config["pairs"]
        parameters = sum(weight.numel() for weight in job.model.parameters())
        return [
            data_line(data, f"{data['shapes']:,} shapes", job.split, folder),
            (
                "pairs",
                f"{pairs['per_shape']} of each shape in an epoch, {pairs['points']} points a view, overlap "
                f"{100 * pairs['overlap']:.0f} to 100 %, noise {100 * pairs['noise']:g} % of the diameter",
            ),
            ("network", network_text(job.config["network"], parameters)),
        ]

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """Success and mean errors of the network alone in validation."""
        if job.monitor not in metrics:
            return super().headline(job, metrics)
        return (
            f"val success {100 * metrics['success']:.1f} %, rotation {metrics['rotation']:.1f} degrees, translation "
            f"{metrics['translation']:.1f} % of the diameter (means, before refinement)"
        )

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: success by overlap, pairs before and after, learning curves."""
        from intertwine.tasks.register._page import write_report

        return write_report(job, result.history, folder / "report.html")
