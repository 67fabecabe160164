"""The task `properties`; what needs torch is imported inside the methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.properties._options import PropertiesOptions

if TYPE_CHECKING:
    from intertwine.tasks.properties._job import PropertyJob
    from intertwine.tasks.properties._predictor import PropertyPredictor
    from intertwine.training import FitResult


class Properties(Task):
    """Scalars, vectors and tensors of each structure, or of each atom."""

    name = "properties"
    summary = "Scalars, vectors and tensors of structures or of their atoms: molecules, crystals."
    options = PropertiesOptions

    def prepare(self, options: PropertiesOptions, progress: ProgressCallback = no_progress) -> PropertyJob:
        """Read the structures, split them, fit the composition, build the model."""
        from intertwine.tasks.properties._job import PropertyJob
        from intertwine.tasks.properties._plan import plan

        return PropertyJob(*plan(options, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> PropertyJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.properties._job import PropertyJob
        from intertwine.tasks.properties._source import read_again

        return PropertyJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[PropertyPredictor]:
        """Writes tables, and structures with properties."""
        from intertwine.tasks.properties._predictor import PropertyPredictor

        return PropertyPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the encoder."""
        from intertwine.tasks.properties._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation error with its unit."""
        text = super().headline(job, metrics)
        unit = job.targets[0].unit
        return f"{text} {unit}" if unit and job.monitor != "loss" else text

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page with errors, predictions against true values and learning curves."""
        from intertwine.data import Split
        from intertwine.tasks.properties._page import PropertyPage

        predictor = self.predictor_type()(job.model.eval(), job.config, Split.from_json(job.split))
        return PropertyPage(job, result.history, predictor).write(folder / "report.html")
