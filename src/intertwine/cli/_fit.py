"""`intertwine fit`: train on the user's own files, or go on where a run was interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._groups import SuggestingGroup
from intertwine.cli._interrupts import Interrupted, guard
from intertwine.cli._runs import INTERRUPTED, first_free
from intertwine.cli._signature import command_from
from intertwine.tasks import FitOptions, Task
from intertwine.tasks._source import PUBLIC

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.training import Job, Settings

HELP = "Train a model on your own files; or resume a run."


class TaskGroup(SuggestingGroup):
    """One command a task, made of its options when it is asked for."""

    kind = "task"

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the tasks."""
        return list(tasks.names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one task; None when there is no such task."""
        if cmd_name not in tasks.names():
            return None
        task = tasks.get(cmd_name)
        single = typer.Typer(add_completion=False)
        function = command_from(task.options, lambda options: _fit(task, options), cmd_name, task.summary)
        single.command(cmd_name)(guard(function))
        return typer.main.get_command(single)


app = typer.Typer()


@app.callback()
def resume_or_choose(
    context: typer.Context,
    resume: Annotated[
        str | None, typer.Option(help="Folder of a run to go on with; nothing else is needed.", metavar="RUN")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="With --resume: a new number of epochs.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="With --resume: a new time budget, which includes the time used so far.")
    ] = None,
    devices: Annotated[int | None, typer.Option(help="With --resume: processes on this machine.")] = None,
) -> int:
    """Train a model on your own files; or resume a run."""
    changes = {"epochs": epochs, "minutes": minutes, "devices": devices}
    given = {name: value for name, value in changes.items() if value is not None}
    task = context.invoked_subcommand
    if task is not None:
        if resume is not None or given:
            raise UsageError(
                f"options come after the task: intertwine fit {task} DATA ...; or alone: intertwine fit --resume RUN"
            )
        return 0
    if resume is None:
        example = "intertwine fit properties molecules.extxyz --target dipole:1o"
        raise UsageError(f"fit expects a task ({', '.join(tasks.names())}), such as {example}; or --resume RUN")
    return guard(_resume)(Path(resume), given)


def _fit(task: Task, options: FitOptions) -> int:
    options.check()
    folder = _folder(options)
    screen = console()
    with progress(screen, "data", "bytes" if options.data in PUBLIC else "files") as report:
        task.fetch(options, report)
    job = task.prepare(options)
    for label, text in task.describe(job, folder):
        show_line(screen, label, text)
    return _train(task, job, folder, options.settings, screen)


def _resume(run_folder: Path, changes: dict[str, Any]) -> int:
    if not run_folder.is_dir():
        raise UsageError(f'no run to resume: "{run_folder}" is not a folder; expected one such as runs/qm9-1')
    from intertwine.training import load_checkpoint, load_run

    run = load_run(run_folder if run_folder.name else run_folder.resolve())
    settings = replace(run.settings, **changes)
    task = tasks.get(run.task)
    split = load_checkpoint(run.folder / "last").split
    screen = console()
    show_line(screen, "resume", f"{run.folder}, {run.task}")
    with progress(screen, "data", "bytes" if run.config["data"]["source"] in PUBLIC else "files") as report:
        task.fetch_again(run.config, report)
    return _train(task, task.build(run.config, split), run.folder, settings, screen, resume=True)


def _train(task: Task, job: Job, folder: Path, settings: Settings, screen: Console, *, resume: bool = False) -> int:
    from intertwine.training import fit, load_checkpoint

    try:
        outcome = fit(job, folder, settings, resume=resume, console=screen)
    except KeyboardInterrupt as error:
        begun = (folder / "last").is_dir()
        way = f"go on with: intertwine fit --resume {folder}" if begun else "nothing was saved yet"
        raise Interrupted(way) from error
    if outcome.interrupted:
        return INTERRUPTED
    best = load_checkpoint(outcome.best)
    text = f"epoch {best.epoch}, {task.headline(job, best.metrics)}"
    show_line(screen, "best", f"{text}      {outcome.best}      (resume: intertwine fit --resume {folder})")
    report = task.report(job, outcome, folder)
    if report is not None:
        show_line(screen, "report", str(report))
    show_line(screen, "next", f"intertwine evaluate {outcome.best}   or   predict, audit")
    return 0


def _folder(options: FitOptions) -> Path:
    """The folder that was asked for, or the first free runs/DATA-n."""
    if options.output is not None:
        folder = Path(options.output)
        if folder.exists() and (not folder.is_dir() or _holds_a_run(folder)):
            raise UsageError(
                f"{folder} exists already; resume it (intertwine fit --resume {folder}), or choose another --output"
            )
        return folder
    return first_free(options.name)


def _holds_a_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("last", "best"))
