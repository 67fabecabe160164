"""The task `properties`, as the command line sees it. What needs torch is imported when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine.tasks._task import Predictor, Progress, Task
from intertwine.tasks.properties._options import PropertiesOptions

if TYPE_CHECKING:
    from intertwine.tasks.properties._job import PropertyJob
    from intertwine.training import Checkpoint


class Properties(Task):
    """Per-structure scalars, vectors and tensors."""

    name = "properties"
    summary = "Scalars, vectors and tensors of whole structures: molecules, clusters."
    options = PropertiesOptions

    def fetch(self, options: PropertiesOptions, progress: Progress) -> None:
        """Parse the tables of QM9 the first time."""
        from intertwine.data import qm9

        if options.data == "qm9":
            qm9([], progress=progress)

    def fetch_again(self, config: dict[str, Any], progress: Progress) -> None:
        """Parse the tables of QM9 where the cache no longer has them."""
        from intertwine.data import qm9

        if config["data"]["source"] == "qm9":
            qm9([], progress=progress)

    def prepare(self, options: PropertiesOptions) -> PropertyJob:
        """Read the structures, split them, fit the composition, build the model."""
        from intertwine.tasks.properties._job import build_job
        from intertwine.tasks.properties._plan import plan

        return build_job(*plan(options))

    def build(self, config: dict[str, Any], split: dict[str, Any]) -> PropertyJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.properties._job import build_job

        return build_job(config, split)

    def restore(self, checkpoint: Checkpoint) -> Predictor:
        """The trained model of a checkpoint."""
        from intertwine.tasks.properties._predictor import PropertyPredictor

        return PropertyPredictor.from_checkpoint(checkpoint)

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, what was split how, and the size of the encoder."""
        from intertwine.tasks.properties._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation error with its unit."""
        text = super().headline(job, metrics)
        unit = job.targets[0].unit
        return f"{text} {unit}" if unit and job.monitor != "loss" else text
