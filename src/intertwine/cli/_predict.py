"""`intertwine predict`: a table or structures with predictions, for any number of structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._options import check_data, check_positive
from intertwine.tasks import check_output, replacing


def predict(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    data: Annotated[str, typer.Argument(help="Structures to predict for.", show_default=False)],
    output: Annotated[
        str | None, typer.Option(help="File to write; its suffix says how (.csv, .extxyz).", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    batch_size: Annotated[int, typer.Option(help="Structures at a time.")] = 128,
) -> int:
    """Predictions for structures, as a table or as structures; memory does not grow with their number."""
    check_positive("--batch-size", batch_size)
    check_folder(checkpoint)
    check_data(data)
    path = Path(output) if output is not None else Path(f"{Path(data).stem}-predictions.csv")
    check_output(path, force=force)
    if path.exists() and Path(data).exists() and path.samefile(data):
        raise UsageError(f"{path} is the file that predict reads; write elsewhere")
    predictor, _ = restore(checkpoint)
    if path.suffix.lower() not in predictor.suffixes:
        known = ", ".join(predictor.suffixes)
        raise UsageError(f'no format "{path.suffix}" of predictions; expected --output to end in one of {known}')
    screen = console()
    with progress(screen, "predict") as report, replacing(path, force=force) as part:
        done = predictor.predict(data, part, path.suffix.lower(), batch_size=batch_size, progress=report)
    show_line(screen, "written", f"{path}, {done:,} structures")
    return 0
