"""The task `potential`; what needs torch is imported inside the methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._progress import ProgressCallback, no_progress
from intertwine.tasks._task import Task
from intertwine.tasks.potential._options import PotentialOptions

if TYPE_CHECKING:
    from intertwine.tasks.potential._job import PotentialJob
    from intertwine.tasks.potential._predictor import PotentialPredictor
    from intertwine.training import FitResult


class PotentialTask(Task):
    """Energies, forces and stresses of atoms."""

    name = "potential"
    summary = "Interatomic potential: energies, forces and stresses of molecules and crystals."
    options = PotentialOptions

    def prepare(self, options: PotentialOptions, progress: ProgressCallback = no_progress) -> PotentialJob:
        """Read the frames, split them, fit reference energies, build the model."""
        from intertwine.tasks.potential._job import PotentialJob
        from intertwine.tasks.potential._plan import plan

        return PotentialJob(*plan(options, progress))

    def build(
        self, config: dict[str, Any], split: dict[str, Any], progress: ProgressCallback = no_progress
    ) -> PotentialJob:
        """The job that `config` and `split` describe."""
        from intertwine.tasks.potential._job import PotentialJob, read_again

        return PotentialJob(config, split, read_again(config, progress))

    def predictor_type(self) -> type[PotentialPredictor]:
        """Writes structures with energies and forces."""
        from intertwine.tasks.potential._predictor import PotentialPredictor

        return PotentialPredictor

    def describe(self, job: Any, folder: Path) -> list[tuple[str, str]]:
        """The data, the keys of the labels, reference energies, and the size of the model."""
        from intertwine.tasks.potential._describe import describe

        return describe(job, folder)

    def headline(self, job: Any, metrics: dict[str, float]) -> str:
        """The validation errors with their units."""
        units = {"energy_mae": ("energy", "meV/atom"), "forces_mae": ("forces", "meV/A")}
        shown = [f"{name} {metrics[key]:.3g} {unit}" for key, (name, unit) in units.items() if key in metrics]
        return f"val MAE {', '.join(shown)}" if shown else super().headline(job, metrics)

    def report(self, job: Any, result: FitResult, folder: Path) -> Path:
        """The page of the run: parity plots, errors by element and kind, curves, and a structure that one can turn."""
        from intertwine.data import Split
        from intertwine.tasks.potential._predictor import PotentialPredictor
        from intertwine.tasks.potential.report import PotentialPage

        predictor = PotentialPredictor(job.model, job.config, Split.from_json(job.split))
        return PotentialPage(job, result.history, predictor, result.refit).write(folder / "report.html")
