"""The one entry point: train a job, or go on with it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from intertwine._atomic import find_intact, recover
from intertwine._errors import UsageError
from intertwine.training._checkpoint import CONFIG, SPLIT, load_checkpoint, read_resume, to_json
from intertwine.training._job import Job, Outcome
from intertwine.training._log import LOG, write_log
from intertwine.training._settings import Settings
from intertwine.training._state import State
from intertwine.training._storage import replace_file, sole_writer

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.training._display import Display


def fit(
    job: Job, folder: str | Path, settings: Settings, *, resume: bool = False, console: Console | None = None
) -> Outcome:
    """Train a job into a run folder, or go on where a run has stopped.

    The folder holds ``config.json`` (task, config, settings), ``split.json``, ``log.csv``, and the checkpoint folders
    ``best`` (lowest monitored metric) and ``last``. ``last`` is written before the first step, after each epoch, and
    within an epoch every `Settings.save_minutes` and on Ctrl-C or SIGTERM (once: after the running step; Ctrl-C twice:
    at once). A process that is killed at any moment leaves a whole ``last``.

    Law: without a time budget, interrupted and resumed training gives the same weights as uninterrupted training, on
    the same machine with the same number of threads. Training in several processes gives the same gradients up to
    rounding.

    Args:
        job: What to train. Its model is left with the best weights.
        folder: The run folder; made if need be.
        settings: How to train. On resuming they may differ from those before: more epochs, say.
        resume: Go on from ``last``.
        console: Where to show progress; None is standard output, ``Console(quiet=True)`` is silence.

    Returns:
        Where the checkpoints are, the history, and why it ended.

    Raises:
        UsageError: Nothing to resume; a run in the way; another process at work there; a job that differs from the
            run's; a loss that is not finite; a disk that is full. ``last`` then holds what was saved before.
    """
    from intertwine.training._stopping import Interrupted, StopRequest
    from intertwine.training._trainer import is_first_process, is_launched_outside, train
    from intertwine.training._worker_processes import WorkerProcesses

    folder = Path(folder)
    for name, size in (("train on", job.train_size()), ("validate on", job.validation_size())):
        if size < 1:
            raise UsageError(f"there are no structures to {name}")
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        first = is_first_process(settings)
        if first:
            _make(folder)
            stack.enter_context(sole_writer(folder))
            for name in ("best", "last", CONFIG, SPLIT, LOG):
                recover(folder / name)
        state = _resumed(job, folder) if resume else State()
        display = None
        if first:
            display = _display(console, settings, state)
            if not resume:
                _refuse_to_overwrite(folder)
            _write_run(job, folder, settings, state)
        reason, interrupted = state.progress.ended(settings), False
        if reason is None:
            try:
                if settings.devices > 1 and not is_launched_outside(settings):
                    with WorkerProcesses(job, settings, state, folder) as seat:
                        reason = train(job, folder, settings, state, seat=seat, stop=stop, display=display)
                else:
                    reason = train(job, folder, settings, state, stop=stop, display=display)
            except (Interrupted, KeyboardInterrupt, SystemExit):
                if find_intact(folder / "last") is None:
                    raise
                reason, interrupted = "interrupted", True
        return _outcome(job, folder, state, reason, interrupted, display)


def _resumed(job: Job, folder: Path) -> State:
    place = find_intact(folder / "last")
    if place is None:
        raise UsageError(f"nothing to resume: {folder} has no checkpoint; fit without resuming, or name another run")
    checkpoint = load_checkpoint(place)
    for what, then, now in (
        ("task", checkpoint.task, job.task),
        ("config", checkpoint.config, job.config),
        ("split", checkpoint.split, job.split),
    ):
        now = json.loads(json.dumps(now))
        if then != now:
            differing = what
            if isinstance(then, dict) and isinstance(now, dict):
                keys = [key for key in {**then, **now} if then.get(key) != now.get(key)]
                differing = f"{what} ({', '.join(map(str, keys[:3]))})"
            raise UsageError(f"cannot resume {folder}: it was begun with another {differing}; choose another folder")
    return State.decode(read_resume(place), place / "resume.pt")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"cannot make the run folder {folder}: a file is in the way") from None
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror}") from error


def _refuse_to_overwrite(folder: Path) -> None:
    """A run that never made a step may be written over."""
    if find_intact(folder / "last") is None and find_intact(folder / "best") is None:
        return
    try:
        begun = find_intact(folder / "best") is not None or load_checkpoint(folder / "last").step > 0
    except UsageError:
        begun = True
    if begun:
        raise UsageError(
            f"{folder} holds a run already: resume it (intertwine fit --resume {folder}), or choose another folder"
        )


def _write_run(job: Job, folder: Path, settings: Settings, state: State) -> None:
    from intertwine import __version__

    config = {"intertwine": __version__, "task": job.task, "config": job.config, "settings": settings.to_json()}
    try:
        replace_file(folder / CONFIG, to_json(config))
        replace_file(folder / SPLIT, to_json(job.split))
        write_log(folder / LOG, state.progress.history)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from error


def _display(console: Console | None, settings: Settings, state: State) -> Display:
    from rich.console import Console as RichConsole

    from intertwine.training._display import Display

    return Display(console or RichConsole(), settings, state.progress)


def _outcome(job: Job, folder: Path, state: State, reason: str, interrupted: bool, display: Display | None) -> Outcome:
    last = folder / "last"
    best = folder / "best" if find_intact(folder / "best") is not None else last
    load_checkpoint(best).load_into(job.model)
    progress = state.progress
    if display is not None:
        where = f"in epoch {progress.epoch + 1}" if progress.position else f"after epoch {progress.epoch}"
        if interrupted:
            display.say(f"interrupted   {where}; go on with: intertwine fit --resume {folder}")
        else:
            display.say(f"stopped       {where}: {reason}")
    return Outcome(best, last, list(progress.history), interrupted, reason)
