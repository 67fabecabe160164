"""The task `keypoints`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.keypoints._options import KeypointOptions

if TYPE_CHECKING:
    from intertwine.tasks.keypoints._job import KeypointJob
    from intertwine.tasks.keypoints._predictor import KeypointPredictor
    from intertwine.training import FitResult


class KeypointTask(Task):
    """A detector and a descriptor of keypoints, learned from photos without labels."""

    name = "keypoints"
    summary = "Keypoints of photos and their descriptors, learned from warped pairs; no labels."
    options = KeypointOptions

    def prepare(self, options: KeypointOptions, progress: ProgressCallback = no_progress) -> KeypointJob:
        """Read the photos, split them, build the network."""
        from intertwine.tasks.keypoints._plan import prepare_job

        return prepare_job(options, progress)

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> KeypointJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.keypoints._job import KeypointJob
        from intertwine.tasks.keypoints._photos import read_again

        return KeypointJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[KeypointPredictor]:
        """The predictor of keypoints."""
        from intertwine.tasks.keypoints._predictor import KeypointPredictor

        return KeypointPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The photos, what was split how, and the size of the networks."""
        from intertwine.tasks._description import data_line
        from intertwine.tasks.keypoints._describe import network_text

        data = job.config["data"]
        lines = [data_line(data, f"{data['photos']:,} photos, read as gray", job.split, folder)]
        if data["remarks"]:
            lines.append(("photos", "; ".join(data["remarks"])))
        return [*lines, ("network", network_text(job))]

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """Repeatability and matches of validation."""
        if job.monitor not in metrics:
            return super().headline(job, metrics)
        repeated, accuracy, missed = (100 * metrics[name] for name in ("repeatability", "accuracy", "missed"))
        return (
            f"val repeatability {repeated:.1f} %, {accuracy:.1f} % of the matches right, {100 - missed:.1f} % of the "
            "keypoints matched"
        )

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: curves against the angle, learning curves, and an example."""
        from intertwine.tasks.keypoints.report import write_report

        return write_report(job, result.history, folder / "report.html")
