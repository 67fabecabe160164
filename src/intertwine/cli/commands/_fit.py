"""`intertwine fit`: train on the user's own files, or go on where a run was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback
from intertwine.cli._app_help import HELP_FLAGS, epilog
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._groups import SuggestingGroup
from intertwine.cli._interrupts import Interrupted, guard
from intertwine.cli._runs import INTERRUPTED
from intertwine.cli._signature import command_from
from intertwine.tasks import FitDisplay, FitInterrupted, RunResult

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = {
    "classify": (
        "intertwine fit classify scans/ --minutes 10",
        "intertwine fit classify furniture --encoder vector --augment z",
    ),
    "images": (
        "intertwine fit images photos/ --group D8 --augment rotate+shift --minutes 10",
        "intertwine fit images rotated-mnist --group D16 --restrict C16@5 --epochs 30",
    ),
    "potential": (
        "intertwine fit potential train.extxyz --test test.extxyz --minutes 60",
        "intertwine fit potential bulk.extxyz surfaces.extxyz --valid 5% --isolated-atoms atoms.extxyz",
    ),
    "properties": (
        "intertwine fit properties molecules.extxyz --target energy@eV --target dipole:1o",
        "intertwine fit properties --config run.toml --epochs 100",
    ),
    "segment": (
        "intertwine fit segment parts/ --minutes 10",
        "intertwine fit segment --config runs/parts-1/config.json --seed 1",
    ),
}
HELP = "Train a model on your own files; or resume a run."


class TaskGroup(SuggestingGroup):
    """One command for each task, made of its options when it is asked for."""

    kind = "task"

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the tasks."""
        return list(tasks.names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one task; None when there is no such task."""
        if cmd_name not in tasks.names():
            return None
        task = tasks.get(cmd_name)
        single = typer.Typer(add_completion=False, context_settings=HELP_FLAGS)

        def run(**values: Any) -> int:
            return _ended(lambda display: tasks.fit(cmd_name, display=display, **values))

        function = command_from(task.options, run, cmd_name, task.summary)
        usual = (f"intertwine fit {cmd_name} DATA", f"intertwine fit {cmd_name} --config run.toml")
        single.command(cmd_name, epilog=epilog(EXAMPLES.get(cmd_name, usual)))(guard(function))
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
        float | None, typer.Option(help="With --resume: a new time budget in minutes, time used so far included.")
    ] = None,
    devices: Annotated[int | None, typer.Option(help="With --resume: processes on this machine.")] = None,
) -> int:
    """Train a model on your own files; or resume a run."""
    changes: dict[str, Any] = {"epochs": epochs, "minutes": minutes, "devices": devices}
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
    return guard(_ended)(lambda display: tasks.resume(resume, display=display, **given))


class ConsoleDisplay(FitDisplay):
    """Shows a fit on a console."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen

    @property
    def console(self) -> Console:
        """Where training shows its epochs."""
        return self._screen

    def line(self, label: str, text: str) -> None:
        """One aligned line."""
        show_line(self._screen, label, text)

    def progress(self, label: str, unit: str) -> AbstractContextManager[ProgressCallback]:
        """A bar while one waits."""
        return progress(self._screen, label, unit)


def _ended(run: Callable[[FitDisplay], RunResult]) -> int:
    """The exit code of a fit; says what comes next."""
    screen = console()
    try:
        result = run(ConsoleDisplay(screen))
    except FitInterrupted as error:
        raise Interrupted(str(error)) from error
    if result.interrupted:
        return INTERRUPTED
    show_line(screen, "next", f"intertwine evaluate {result.best}   or   predict, audit")
    return 0
