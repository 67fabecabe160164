"""Root command and its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from intertwine._version import __version__
from intertwine.cli import commands
from intertwine.cli._app_help import EXAMPLES, HELP_FLAGS, epilog
from intertwine.cli._groups import SuggestingGroup
from intertwine.cli._interrupts import guard

COMMANDS: dict[str, Callable[..., int]] = {
    "evaluate": commands.evaluate,
    "predict": commands.predict,
    "audit": commands.audit,
    "export": commands.export,
    "basis": commands.basis,
    "data": commands.data,
    "demo": commands.demo,
    "dock": commands.dock,
    "filters": commands.filters,
    "keypoints": commands.keypoints,
    "pattern": commands.pattern,
    "register": commands.register,
    "runs": commands.runs,
    "sfm": commands.sfm,
}


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; accepted after any command.")
    ] = False,
) -> None:
    """Equivariant deep learning: train, evaluate and audit equivariant networks."""
    if version:
        typer.echo(f"intertwine {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@cache
def command() -> Any:
    """The command line as an object of the argument parser."""
    app = typer.Typer(name="intertwine", cls=SuggestingGroup, invoke_without_command=True, context_settings=HELP_FLAGS)
    app.callback()(_root)
    app.add_typer(
        commands.fit_app,
        name="fit",
        cls=commands.TaskGroup,
        help=commands.FIT_HELP,
        epilog=epilog(EXAMPLES["fit"]),
        invoke_without_command=True,
        context_settings=HELP_FLAGS,
    )
    for name, function in COMMANDS.items():
        app.command(name, epilog=epilog(EXAMPLES[name]), context_settings=HELP_FLAGS)(guard(function))
    return typer.main.get_command(app)
