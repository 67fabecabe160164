"""The task `dock`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.dock.equidock._options import DockOptions

if TYPE_CHECKING:
    from intertwine.tasks.dock.equidock._job import DockJob
    from intertwine.tasks.dock.equidock._predictor import DockPredictor
    from intertwine.training import FitResult


class DockTask(Task):
    """The complex of two rigid proteins, learned from complexes, without a search."""

    name = "dock"
    summary = "Complexes of two proteins in one step (EquiDock), learned from a folder of complexes."
    options = DockOptions

    def prepare(self, options: DockOptions, progress: ProgressCallback = no_progress) -> DockJob:
        """Read the complexes, split them, build the network."""
        from intertwine.tasks.dock.equidock._job import DockJob
        from intertwine.tasks.dock.equidock._plan import plan

        return DockJob(*plan(options, progress))

    def build(self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress) -> DockJob:
        """The job that `config` and `split` describe.

        Raises:
            UsageError: The complexes are gone, or the run is one of before, which chose its epoch by another error.
        """
        from intertwine.tasks.dock.equidock._job import DockJob
        from intertwine.tasks.dock.equidock._plan import read_again

        if "noise" not in config:
            raise UsageError(
                "this run was begun by a version that chose the best epoch by the motion of the network alone, so it "
                f"cannot go on; train again: intertwine fit dock {config['data']['given']} --config RUN/config.json"
            )
        return DockJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[DockPredictor]:
        """The predictor of complexes."""
        from intertwine.tasks.dock.equidock._predictor import DockPredictor

        return DockPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The complexes, what was split how, and the size of the network."""
        from intertwine.tasks._description import data_line
        from intertwine.tasks.dock.equidock._graphs import network_text

        data = job.config["data"]
        parameters = sum(weight.numel() for weight in job.model.parameters())
        return [
            data_line(data, f"{data['complexes']:,} complexes", job.split, folder),
            ("network", network_text(job.config["network"], parameters)),
        ]

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """Mean RMSD in validation, without clashes and of the network alone, and its clashes."""
        if job.monitor not in metrics:
            return super().headline(job, metrics)
        alone = f"the network alone {metrics['network']:.2f} A, {metrics['clashes']:.0f} clashing pairs"
        return f"val complex RMSD {metrics['complex']:.2f} A; {alone} (means)"

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: measures of held-out complexes and learning curves."""
        from intertwine.tasks.dock.equidock._page import write_report

        return write_report(job, result.history, folder / "report.html")
