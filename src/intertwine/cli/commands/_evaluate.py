"""`intertwine evaluate`: metrics on examples that the model has not seen, as given and rotated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore, run_folder
from intertwine.cli._console import console, progress, show_line, show_table
from intertwine.cli._options import check_batch_size, check_data, check_file_output, check_seed
from intertwine.tasks import evaluation_path, output_file, resolve


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    data: Annotated[
        str | None,
        typer.Argument(help="Structures with known answers; the test split when not given.", show_default=False),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples per batch; the default of the task when not given.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the rotations.")] = 0,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="Rotations in training and test, such as z/SO3; repeat for several, all when not given.",
            metavar="TRAIN/TEST",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            help="JSON file to write; by default evaluation.json in the run; evaluation-DATA.json for other data,"
            " evaluation.PROTOCOL.json for some protocols only, evaluation.last.json for the last checkpoint.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --output if it exists.")] = False,
) -> int:
    """Evaluate a model on unseen structures: as given, and after a random rotation of each."""
    check_batch_size(batch_size)
    check_seed(seed)
    check_folder(checkpoint)
    check_data(data)
    if output is not None:
        check_file_output(output, force=force)
    predictor, loaded = restore(checkpoint)
    predictor.check_protocols(protocol or ())
    screen = console()
    with progress(screen, "data", predictor.progress_unit(data)) as report:
        examples, name = predictor.load(data, report)
    with progress(screen, "evaluate", "predictions") as report:
        found = predictor.measure(
            examples, name, batch_size=batch_size, seed=seed, progress=report, protocols=protocol or ()
        )
    show_table(screen, found.columns, found.rows)
    for columns, rows in found.details:
        screen.print()
        show_table(screen, columns, rows)
    for note in found.notes:
        show_line(screen, "note", note)
    content = {"checkpoint": str(loaded.folder), "epoch": loaded.epoch, **found.metrics}
    own = data is None or resolve(data) == predictor.config["data"]["source"]
    last = loaded.folder.name == "last"
    usual = evaluation_path(run_folder(loaded), None if own else data, protocol or (), last=last)
    path = usual if output is None else Path(output)
    with output_file(path, force=force or output is None) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    show_line(screen, "written", str(path))
    return 0
