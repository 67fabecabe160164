"""`intertwine predict`: files of predictions, for any number of examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._options import check_batch_size, check_data, check_named
from intertwine.tasks import check_prediction_output


def predict(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    data: Annotated[str, typer.Argument(help="Structures or shapes to predict for.", show_default=False)],
    output: Annotated[
        str | None,
        typer.Option(
            help="File to write: .csv; of properties also .extxyz; of segmentations also .npz, or a new folder.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a file that cannot be read, instead of skipping it.")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples per batch; the default of the task when not given.", show_default=False),
    ] = None,
) -> int:
    """Predict for structures, shapes, images or scenes; memory does not grow with their number."""
    check_batch_size(batch_size)
    check_named("--output", output)
    check_folder(checkpoint)
    check_data(data)
    if output is not None:
        check_prediction_output(Path(output), data, force=force)
    predictor, _ = restore(checkpoint)
    path = Path(output or f"{Path(data).stem or 'shapes'}-predictions{predictor.suffixes[0]}")
    predictor.check_output(path, force=force, source=data)
    screen = console()
    with progress(screen, "predict") as report:
        done = predictor.predict(data, output=path, force=force, batch_size=batch_size, progress=report, strict=strict)
    what = predictor.kind if done != 1 else re.sub("(?<=x)es$|s$", "", predictor.kind)
    show_line(screen, "written", f"{path}, {done:,} {what}")
    return 0
