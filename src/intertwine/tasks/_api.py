"""Fit, resume and load: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._errors import UsageError
from intertwine.tasks._display import FitDisplay
from intertwine.tasks._registry import get
from intertwine.tasks._source import check_still_there
from intertwine.tasks.options import LARGEST_EPOCHS, check_devices
from intertwine.tasks.runs import (
    check_checkpoint_folder,
    check_run_folder,
    make_run_folder,
    remove_empty_folder,
    run_record,
)

if TYPE_CHECKING:
    from intertwine.tasks._predictor import Predictor
    from intertwine.tasks._task import Task
    from intertwine.training import Checkpoint, FitResult, Job, Settings


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C before the first checkpoint or a second time; the message says how to go on."""


@dataclass(frozen=True)
class RunResult:
    """A run that has ended.

    Attributes:
        folder: The folder of the run.
        training: How training ended.
        report: The page about it; None where the task writes none, or the run was interrupted.
    """

    folder: Path
    training: FitResult
    report: Path | None = None

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation metric."""
        return self.training.best

    @property
    def last(self) -> Path:
        """The checkpoint to resume from."""
        return self.training.last

    @property
    def history(self) -> list[dict[str, float]]:
        """One row for each epoch: epoch, step, learning_rate, train_loss, the validation metrics, seconds."""
        return self.training.history

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or SIGTERM ended it; `resume(folder)` goes on."""
        return self.training.interrupted

    @cached_property
    def predictor(self) -> Predictor[Any, Any]:
        """The best model, loaded when it is first asked for."""
        return load(self.best)


def fit(
    task: str,
    data: str | Path | None = None,
    *,
    output: str | Path | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    display: FitDisplay | None = None,
    **options: Any,
) -> RunResult:
    """Train a model on data of one's own, as `intertwine fit` does.

    Args:
        task: The name of a task, such as "classify".
        data: A file, a folder, or the name of a public set; it may also stand in the file `config=`.
        output: Folder of the run; the first free of runs/DATA-1, runs/DATA-2, ... when not given.
        minutes: Time budget of the run.
        epochs: Passes over the training set.
        display: What shows lines and progress; None shows nothing.
        options: Every option of `intertwine fit TASK`, with underscores.

    Returns:
        The folder of the run, its checkpoints, history and report, and the trained model on demand.

    Raises:
        UsageError: There is no such task or option, or the data are not what was expected.
    """
    found, display = get(task), display or FitDisplay()
    named = {"data": data, "output": output, "minutes": minutes, "epochs": epochs}
    values = {**{name: value for name, value in named.items() if value is not None}, **options}
    checked = found.options.from_values(task, values)
    folder = make_run_folder(checked.name) if checked.output is None else check_run_folder(Path(checked.output))
    try:
        with display.progress("data", found.progress_unit(checked.data)) as progress:
            job = found.prepare(checked, progress)
        for label, text in found.describe(job, folder):
            display.line(label, text)
        return _train(found, job, folder, checked.settings, display, record=run_record(task, checked))
    except BaseException:
        if checked.output is None:
            remove_empty_folder(folder)
        raise


def resume(
    run: str | Path,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    devices: int | None = None,
    display: FitDisplay | None = None,
) -> RunResult:
    """Go on with a run that was interrupted, or make it longer; arguments as those of `fit`.

    Args:
        run: Its folder.
        epochs: A new number of epochs.
        minutes: A new time budget, earlier sessions included.
        devices: Processes on this machine.
        display: What shows lines and progress; None shows nothing.

    Raises:
        UsageError: There is nothing to resume, or the data are no longer what they were.
    """
    run, display = Path(run), display or FitDisplay()
    if not run.is_dir():
        raise UsageError(f'no run to resume: "{run}" is not a folder; expected one such as runs/qm9-1')
    if devices is not None:
        check_devices(devices)
    if epochs is not None and epochs > LARGEST_EPOCHS:
        raise UsageError(f"--epochs expects at most {LARGEST_EPOCHS:,}, got {epochs}")
    from intertwine.training import load_checkpoint, load_run

    found = load_run(run if run.name else run.resolve())
    named: dict[str, Any] = {"epochs": epochs, "minutes": minutes, "devices": devices}
    settings = replace(found.settings, **{name: value for name, value in named.items() if value is not None})
    task = get(found.task)
    last = load_checkpoint(found.folder / "last")
    if (last.task, last.config) != (found.task, found.config):
        raise UsageError(
            f"cannot resume {found.folder}: its config.json is not the configuration that it was begun with; "
            f"restore it from {last.folder}/checkpoint.json, or train again"
        )
    source = found.config["data"]["source"]
    check_still_there(source, f"train again: intertwine fit {found.task} DATA --config {found.folder / 'config.json'}")
    display.line("resume", f"{found.folder}, {found.task}")
    with display.progress("data", task.progress_unit(source)) as progress:
        job = task.build(found.config, last.split, progress)
    return _train(task, job, found.folder, settings, display, record=found.record, resuming=True)


def load(checkpoint: str | Path) -> Predictor[Any, Any]:
    """The trained model of a checkpoint: it predicts, evaluates and audits.

    Args:
        checkpoint: Its folder, such as runs/scans-1/best, or that of a run.

    Raises:
        UsageError: It is missing, damaged, foreign, or of a task that is not installed.
    """
    return restore(checkpoint)[0]


def restore(checkpoint: str | Path) -> tuple[Predictor[Any, Any], Checkpoint]:
    """The same as `load`, and the checkpoint itself."""
    path = Path(checkpoint)
    check_checkpoint_folder(path)
    from intertwine.training import load_checkpoint

    loaded = load_checkpoint(path if path.name else path.resolve())
    return get(loaded.task).restore(loaded), loaded


def _train(
    task: Task,
    job: Job,
    folder: Path,
    settings: Settings,
    display: FitDisplay,
    *,
    record: Mapping[str, Any],
    resuming: bool = False,
) -> RunResult:
    from intertwine.training import fit as train
    from intertwine.training import load_checkpoint

    try:
        outcome = train(job, folder, settings, resume=resuming, console=display.console, record=record)
    except KeyboardInterrupt as error:
        begun = (folder / "last").is_dir()
        way = f"go on with: intertwine fit --resume {folder}" if begun else "nothing was saved yet"
        raise FitInterrupted(way) from error
    if outcome.interrupted:
        return RunResult(folder, outcome)
    best = load_checkpoint(outcome.best)
    text = f"epoch {best.epoch}, {task.headline(job, best.metrics)}"
    display.line("best", f"{text}      {outcome.best}      (resume: intertwine fit --resume {folder})")
    report = task.report(job, outcome, folder)
    if report is not None:
        display.line("report", str(report))
    return RunResult(folder, outcome, report)
