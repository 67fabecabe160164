"""Command `intertwine runs`: list the runs of a folder, or compare some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line, show_table
from intertwine.tasks import RunSummary, differing_options, find_runs, summarize


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Runs to compare, or one folder of runs; by default runs/.", show_default=False),
    ] = None,
) -> int:
    """List runs, or compare the options and metrics of some."""
    given = folders or [Path("runs")]
    for folder in given:
        if not folder.is_dir():
            raise UsageError(f'no run or folder of runs "{folder}"')
    if len(given) == 1 and not (given[0] / "config.json").exists():
        return _list(find_runs(given[0]), given[0])
    return _compare([summarize(folder) for folder in given])


def _list(found: list[RunSummary], root: Path) -> int:
    screen = console()
    if not found:
        show_line(screen, "runs", f"none in {root}")
        return 0
    columns = ("run", "task", "data", "epochs", "best", "minutes", "started")
    rows = [
        (
            str(run.folder),
            run.task,
            run.data,
            f"{run.epochs}/{run.planned}",
            _best(run),
            f"{run.seconds / 60:.1f}",
            run.started[:16].replace("T", " ") or "-",
        )
        for run in found
    ]
    show_table(screen, columns, rows)
    return 0


def _compare(found: list[RunSummary]) -> int:
    rows = [
        ("task", *(run.task for run in found)),
        ("data", *(run.data for run in found)),
        ("epochs", *(f"{run.epochs}/{run.planned}" for run in found)),
        ("minutes", *(f"{run.seconds / 60:.1f}" for run in found)),
    ]
    known = {row[0] for row in rows}
    rows += [(f"option {name}", *texts) for name, texts in differing_options(found) if name not in known]
    for name in dict.fromkeys(name for run in found for name in run.metrics):
        rows.append((f"val {name}", *(f"{run.metrics[name]:.4g}" if name in run.metrics else "-" for run in found)))
    show_table(console(), ("", *(str(run.folder) for run in found)), rows)
    return 0


def _best(run: RunSummary) -> str:
    return f"{run.monitor} {run.metrics[run.monitor]:.4g}" if run.monitor in run.metrics else "-"
