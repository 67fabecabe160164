"""`intertwine predict`: a table or structures with predictions, for any number of structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._options import check_data, check_positive
from intertwine.tasks import check_output, check_output_folder, output_file, output_folder


def predict(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    data: Annotated[str, typer.Argument(help="Structures or shapes to predict for.", show_default=False)],
    output: Annotated[
        str | None,
        typer.Option(
            help="File to write, its suffix says how (.csv, .extxyz, .npz); or, for some tasks, a new folder.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse files that cannot be read.")] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Structures at a time; what is usual for the task when not given.", show_default=False),
    ] = None,
) -> int:
    """Predictions for structures or shapes; memory does not grow with their number."""
    if batch_size is not None:
        check_positive("--batch-size", batch_size)
    check_folder(checkpoint)
    check_data(data)
    if output is not None:
        _check(Path(output), data, force=force)
    predictor, _ = restore(checkpoint)
    path = Path(output or f"{Path(data).stem or 'shapes'}-predictions{predictor.suffixes[0]}")
    suffix = path.suffix.lower()
    if suffix not in predictor.suffixes:
        known = ", ".join(name or "nothing (a folder)" for name in predictor.suffixes)
        raise UsageError(f'no format "{path.suffix}" of predictions; expected --output to end in one of {known}')
    _check(path, data, force=force)
    screen, size = console(), batch_size or predictor.batch_size
    place = output_file(path, force=force) if suffix else output_folder(path)
    with progress(screen, "predict") as report, place as part:
        done = predictor.predict(data, part, suffix, batch_size=size, progress=report, strict=strict)
    show_line(screen, "written", f"{path}, {done:,} structures")
    return 0


def _check(path: Path, data: str, *, force: bool) -> None:
    """Refuse early what could not be written."""
    if not path.suffix:
        return check_output_folder(path)
    check_output(path, force=force)
    if path.exists() and Path(data).exists() and path.samefile(data):
        raise UsageError(f"{path} is the file that predict reads; write elsewhere")
    return None
