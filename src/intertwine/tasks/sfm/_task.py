"""The task `sfm`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.sfm._options import SfmOptions

if TYPE_CHECKING:
    from intertwine.tasks.sfm._job import SfmJob
    from intertwine.tasks.sfm._predictor import SfmPredictor
    from intertwine.training import FitResult


class SfmTask(Task):
    """Cameras and points of scenes from their tracks, by a network that is trained across scenes."""

    name = "sfm"
    summary = "Cameras and points of scenes from tracks (structure from motion), learned across scenes."
    options = SfmOptions

    def prepare(self, options: SfmOptions, progress: ProgressCallback = no_progress) -> SfmJob:
        """Read the scenes, split them, build the network."""
        from intertwine.tasks.sfm._job import SfmJob
        from intertwine.tasks.sfm._plan import plan

        return SfmJob(*plan(options, progress))

    def build(self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress) -> SfmJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.sfm._job import SfmJob
        from intertwine.tasks.sfm._scene_set import read_again

        return SfmJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[SfmPredictor]:
        """That of scenes."""
        from intertwine.tasks.sfm._predictor import SfmPredictor

        return SfmPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The scenes, how they were split, and the size of the network."""
        from intertwine.tasks._description import sizes_text
        from intertwine.tasks.sfm._scene_set import cameras_of

        data, split, network = job.config["data"], job.split, job.config["network"]
        sizes = sizes_text(split)
        synthetic = job.config.get("synthetic", 0)
        more = f"; {synthetic:,} random scenes in an epoch" if synthetic else ""
        parameters = sum(parameter.numel() for parameter in job.model.parameters())
        size = f"{network['layers']} layers of {network['hidden']} channels, {parameters:,} parameters"
        return [
            ("data", f"{data['given']}: {data['scenes']} scenes, split {sizes} (seed {split['seed']}){more}"),
            ("model", f"equivariant, {cameras_of(job.config)} cameras, {size}"),
        ]

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation loss in pixels, and the rotation error where poses are known."""
        if "pixels" not in metrics:
            return super().headline(job, metrics)
        turn = f", rotation error {metrics['rotation']:.2f} degrees" if "rotation" in metrics else ""
        return f"val reprojection {metrics['pixels']:.1f} px before bundle adjustment{turn}"

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page with the errors of validation."""
        from intertwine.tasks.sfm._run_page import write_report

        return write_report(job, result.history, self.describe(job, folder), folder / "report.html")
