"""`intertwine evaluate`: errors on structures that the model has not seen, as given and turned."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore, run_folder
from intertwine.cli._console import console, progress, show_line, show_table
from intertwine.cli._options import check_data, check_positive
from intertwine.tasks._source import PUBLIC


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    data: Annotated[
        str | None,
        typer.Argument(help="Structures with known answers; the test split when not given.", show_default=False),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Structures at a time; what is usual for the task when not given.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random rotations.")] = 0,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="How clouds are turned in training and test, such as z/SO3; repeat for several, all when not given.",
            metavar="TRAIN/TEST",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Errors on unseen structures: as given, and after turning each of them at random."""
    if batch_size is not None:
        check_positive("--batch-size", batch_size)
    check_folder(checkpoint)
    check_data(data)
    predictor, loaded = restore(checkpoint)
    predictor.check_protocols(protocol or ())
    screen, size = console(), batch_size or predictor.batch_size
    source = loaded.config["data"]["source"] if data is None else data
    with progress(screen, "data", "bytes" if source in PUBLIC else "files") as report:
        predictor.fetch(data, report)
    with progress(screen, "evaluate", "predictions") as report:
        found = predictor.evaluate(data, batch_size=size, seed=seed, progress=report, protocols=protocol or ())
    show_table(screen, found.columns, found.rows)
    for note in found.notes:
        show_line(screen, "note", note)
    content = {"checkpoint": str(loaded.folder), "epoch": loaded.epoch, **found.metrics}
    path = run_folder(loaded) / "evaluation.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    show_line(screen, "written", str(path))
    return 0
