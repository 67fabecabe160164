"""Root command and its subcommands."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from intertwine._version import __version__
from intertwine.cli import _audit, _basis, _data, _demo, _evaluate, _fit, _list_runs, _pattern, _predict
from intertwine.cli._app_help import EXAMPLES, HELP_FLAGS, epilog
from intertwine.cli._groups import SuggestingGroup
from intertwine.cli._interrupts import guard

COMMANDS: dict[str, Callable[..., int]] = {
    "evaluate": _evaluate.evaluate,
    "predict": _predict.predict,
    "audit": _audit.audit,
    "basis": _basis.basis,
    "data": _data.data,
    "demo": _demo.demo,
    "pattern": _pattern.pattern,
    "runs": _list_runs.runs,
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
        _fit.app,
        name="fit",
        cls=_fit.TaskGroup,
        help=_fit.HELP,
        epilog=epilog(EXAMPLES["fit"]),
        invoke_without_command=True,
        context_settings=HELP_FLAGS,
    )
    for name, function in COMMANDS.items():
        app.command(name, epilog=epilog(EXAMPLES[name]), context_settings=HELP_FLAGS)(guard(function))
    return typer.main.get_command(app)
