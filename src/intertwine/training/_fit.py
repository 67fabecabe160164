"""Entry point of training: train a job into a run folder, or resume a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from intertwine._atomic import find_intact, recover
from intertwine._errors import UsageError
from intertwine.training._job import FitResult, Job, RefitJob
from intertwine.training._log import LOG, write_log
from intertwine.training._settings import Settings, check_tensorboard
from intertwine.training.checkpoints import (
    CONFIG,
    FORMAT,
    SPLIT,
    ResumeState,
    TrainingState,
    checkpoint_files,
    load_checkpoint,
    load_resume_state,
    replace_file,
    replace_folder,
    sole_writer,
    to_json,
)

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.training._display import Display
    from intertwine.training._stopping import StopRequest


def fit(
    job: Job,
    folder: str | Path,
    settings: Settings,
    *,
    resume: bool = False,
    console: Console | None = None,
    record: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train a job into a run folder, or resume the run that is there.

    The folder holds ``config.json`` (task, config, settings), ``split.json``, ``metrics.csv``, and the checkpoints
    ``best`` (lowest monitored metric) and ``last``. ``last`` is written before the first step, after each epoch, and
    within an epoch every `Settings.save_minutes` and on Ctrl-C or SIGTERM (once: after the running step; Ctrl-C twice:
    immediately). A process that is killed at any moment leaves a complete ``last``.

    Law: without a time budget, interrupted and resumed training gives the same weights as uninterrupted training, on
    the same machine with the same number of threads. Training in several processes gives the same gradients up to
    rounding.

    Args:
        job: What to train. Its model has the best weights at the end.
        folder: The run folder; created if it is missing.
        settings: How to train. On resuming they may differ from those before, for example in the number of epochs.
        resume: Whether to resume from ``last``.
        record: JSON that is kept in ``config.json`` besides, such as the command that began the run.
        console: Where to show progress; None for standard output, ``Console(quiet=True)`` for no output.

    Returns:
        The folders of the checkpoints, the history, and why training ended.

    Raises:
        UsageError: There is nothing to resume; the folder holds a run; another process trains into it; the job differs
            from the run's; the loss is not finite; the disk is full. ``last`` then holds what was saved before.
    """
    from intertwine.training._stopping import Interrupted, StopRequest
    from intertwine.training._trainer import is_first_process

    folder = Path(folder)
    if settings.tensorboard:
        check_tensorboard()
    for name, size in (("train on", job.train_size()), ("validate on", job.validation_size())):
        if size < 1:
            raise UsageError(f"there are no examples to {name}")
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        first = is_first_process(settings)
        if first:
            _make_folder(folder)
            stack.enter_context(sole_writer(folder))
            for name in ("best", "last", CONFIG, SPLIT, LOG):
                recover(folder / name)
        resume_state = _resumed(job, folder) if resume else ResumeState()
        refitted = _refitted(job, folder, resume_state.state) if first else None
        display = None
        if first:
            display = _display(console, settings, resume_state)
            if not resume:
                _refuse_to_overwrite(folder)
            _write_run(job, folder, settings, resume_state, record or {})
        reason, interrupted = resume_state.state.stop_reason(settings), False
        if reason is None:
            try:
                reason = _train(job, folder, settings, resume_state, stop, display)
            except (Interrupted, KeyboardInterrupt, SystemExit):
                if find_intact(folder / "last") is None:
                    raise
                reason, interrupted = "interrupted", True
        if display is not None:
            display.print_line(_last_line(folder, resume_state.state, reason, interrupted))
        refit = ""
        if first and not interrupted and isinstance(job, RefitJob):
            refit = _refit(job, folder, resume_state.state)
            if refit and display is not None:
                display.print_line(f"refit         {refit}")
        if refitted is not None:
            refitted.restore(folder, job.monitor)
        return _result(job, folder, resume_state.state, reason, interrupted, refit)


def _train(
    job: Job, folder: Path, settings: Settings, resume_state: ResumeState, stop: StopRequest, display: Display | None
) -> str:
    """Train in this process, and in others if there are to be several; returns why training ended."""
    from intertwine.training._trainer import is_launched_externally, train
    from intertwine.training._worker_processes import WorkerProcesses

    if settings.devices == 1 or is_launched_externally(settings):
        return train(job, folder, settings, resume_state, stop=stop, display=display)
    with WorkerProcesses(job, settings, resume_state, folder) as process_rank:
        return train(job, folder, settings, resume_state, process_rank, stop=stop, display=display)


def _resumed(job: Job, folder: Path) -> ResumeState:
    last = find_intact(folder / "last")
    if last is None:
        raise UsageError(f"nothing to resume: {folder} has no checkpoint; fit without resuming, or name another run")
    checkpoint = load_checkpoint(last)
    for name, before, now in (
        ("task", checkpoint.task, job.task),
        ("config", checkpoint.config, job.config),
        ("split", checkpoint.split, job.split),
    ):
        now = json.loads(json.dumps(now))
        if before != now:
            differing = name
            if isinstance(before, dict) and isinstance(now, dict):
                keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
                differing = f"{name} ({', '.join(map(str, keys[:3]))})"
            raise UsageError(f"cannot resume {folder}: it was started with another {differing}; choose another folder")
    return load_resume_state(last)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"cannot make the run folder {folder}: a file is in the way") from None
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror}") from error


def _refuse_to_overwrite(folder: Path) -> None:
    """Raise if the folder holds a run of at least one step."""
    if find_intact(folder / "last") is None and find_intact(folder / "best") is None:
        return
    try:
        started = find_intact(folder / "best") is not None or load_checkpoint(folder / "last").step > 0
    except UsageError:
        started = True
    if started:
        raise UsageError(
            f"{folder} holds a run already: resume it (intertwine fit --resume {folder}), or choose another folder"
        )


def _write_run(
    job: Job, folder: Path, settings: Settings, resume_state: ResumeState, record: Mapping[str, Any]
) -> None:
    from intertwine._version import __version__

    config = {
        **record,
        "format": FORMAT,
        "intertwine": __version__,
        "task": job.task,
        "config": job.config,
        "settings": settings.to_json(),
    }
    try:
        replace_file(folder / CONFIG, to_json(config))
        replace_file(folder / SPLIT, to_json(job.split))
        write_log(folder / LOG, resume_state.state.history)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from error


def _display(console: Console | None, settings: Settings, resume_state: ResumeState) -> Display:
    from rich.console import Console as RichConsole

    from intertwine.training._display import Display

    return Display(console or RichConsole(), settings, resume_state.state)


def _last_line(folder: Path, state: TrainingState, reason: str, interrupted: bool) -> str:
    where = f"in epoch {state.epoch + 1}" if state.step_in_epoch else f"after epoch {state.epoch}"
    if interrupted:
        return f"interrupted   {where}; go on with: intertwine fit --resume {folder}"
    return f"stopped       {where}: {reason}"


class _Refitted(NamedTuple):
    """The checkpoint best as a refit left it: its metric, and its files by name."""

    metric: float
    files: dict[str, bytes]

    def restore(self, folder: Path, monitor: str) -> None:
        """Put it back where the checkpoint that took its place is not better."""
        best = find_intact(folder / "best")
        if best is not None and load_checkpoint(best).metrics.get(monitor, self.metric) <= self.metric:
            return
        try:
            replace_folder(folder / "best", self.files)
        except OSError as error:
            raise UsageError(f"cannot save {folder / 'best'}: {error.strerror or error}; it is kept") from error


def _refitted(job: Job, folder: Path, state: TrainingState) -> _Refitted | None:
    """What a refit made of the best epoch of a run that is resumed.

    Epochs compete with the best epoch as it was trained, and the refit of the best of them with this. A checkpoint best
    of a later epoch than last is that of a process that was killed: its epoch is trained again.
    """
    if state.best_metric is None or not isinstance(job, RefitJob) or (best := find_intact(folder / "best")) is None:
        return None
    checkpoint = load_checkpoint(best)
    found = checkpoint.metrics.get(job.monitor)
    if found is None or checkpoint.epoch > state.epoch or found >= state.best_metric:
        return None
    return _Refitted(found, {path.name: path.read_bytes() for path in best.iterdir() if path.is_file()})


def _refit(job: RefitJob, folder: Path, state: TrainingState) -> str:
    """Replace the checkpoint best by what the job makes of it; returns a line, empty where nothing was done.

    A checkpoint whose metric is not the one that training found has been replaced before.
    """
    best = find_intact(folder / "best")
    if best is None:
        return ""
    checkpoint = load_checkpoint(best)
    if checkpoint.metrics.get(job.monitor) != state.best_metric:
        return ""
    checkpoint.load_into(job.model)
    found = job.refit()
    if found is None:
        return ""
    from intertwine.training._average import snapshot

    at = replace(state, epoch=checkpoint.epoch, global_step=checkpoint.step)
    try:
        replace_folder(folder / "best", checkpoint_files(job, snapshot(job.model), at, found.metrics))
    except OSError as error:
        raise UsageError(f"cannot save {folder / 'best'}: {error.strerror or error}; it is kept as it was") from error
    return found.text


def _result(job: Job, folder: Path, state: TrainingState, reason: str, interrupted: bool, refit: str) -> FitResult:
    last = folder / "last"
    best = folder / "best" if find_intact(folder / "best") is not None else last
    load_checkpoint(best).load_into(job.model)
    return FitResult(best, last, list(state.history), interrupted, reason, refit)
