"""Command `intertwine audit`: equivariance error of a model, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._checkpoint import check_folder, restore, run_folder
from intertwine.cli._console import console, show_line
from intertwine.cli._options import check_data, check_positive, check_samples, check_seed
from intertwine.cli._origin import page_origin
from intertwine.cli.commands._audit_callable import FAIL, PASS, audit_callable
from intertwine.cli.commands._python_model import names_callable
from intertwine.tasks import AuditSettings

MODEL_HELP = "Checkpoint, such as runs/qm9-1/best; or module:name or file.py:name of a model in Python."
KINDS = (
    'such as "2x0e + 1x1o"; "points: 2x0e" for rows of features, "cloud: 2x0e" for features, positions and edges, '
    '"graph: 4" for a graph'
)


def audit(
    checkpoint: Annotated[str, typer.Argument(help=MODEL_HELP, show_default=False)],
    data: Annotated[
        str | None, typer.Argument(help="Data to evaluate the model on; by default the test split.", show_default=False)
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Largest relative equivariance error that passes, in float32.")
    ] = 1e-5,
    samples: Annotated[int, typer.Option(help="Number of random group elements.")] = 64,
    seed: Annotated[int, typer.Option(help="Random seed of the group elements.")] = 0,
    output: Annotated[
        str | None,
        typer.Option(
            help="Folder for audit.json and audit.html; that of the run when not given.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    rep_in: Annotated[
        str | None,
        typer.Option(help=f"Representation of the input of a model in Python, {KINDS}.", show_default=False),
    ] = None,
    rep_out: Annotated[
        str | None, typer.Option(help="Representation of its output, likewise.", show_default=False)
    ] = None,
    group: Annotated[str, typer.Option(help="Group of --rep-in and --rep-out, such as SO3, O3 or SO2.")] = "O3",
) -> int:
    """Measure the equivariance error of a model, layer by layer. Exit code 1 if it exceeds the tolerance."""
    check_positive("--tolerance", tolerance)
    check_samples(samples)
    check_seed(seed)
    chosen = None if output is None else _output_folder(output)
    if names_callable(checkpoint):
        return audit_callable(
            checkpoint, tolerance, samples, seed, folder=chosen, rep_in=rep_in, rep_out=rep_out, group=group
        )
    if rep_in is not None or rep_out is not None:
        raise UsageError("--rep-in and --rep-out are for a model in Python; a checkpoint declares its own")
    check_folder(checkpoint)
    check_data(data)
    predictor, loaded = restore(checkpoint)
    report = replace(predictor.audit(data, AuditSettings(samples=samples, seed=seed)), tolerance=tolerance)
    screen = console()
    screen.print(str(report), soft_wrap=True)
    folder = run_folder(loaded) if chosen is None else chosen
    folder.mkdir(parents=True, exist_ok=True)
    report.to_json(folder / "audit.json")
    show_line(screen, "written", str(folder / "audit.json"))
    if find_spec("matplotlib") is None:
        show_line(screen, "note", 'the page with plots needs matplotlib: pip install "intertwine[report]"')
    else:
        report.to_html(folder / "audit.html", origin=page_origin([checkpoint, data], seed))
        show_line(screen, "page", str(folder / "audit.html"))
    return PASS if report.passed else FAIL


def _output_folder(output: str) -> Path:
    """The folder for the report, checked before the model is read."""
    folder = Path(output)
    if not output.strip():
        raise UsageError('--output expects a folder, got ""')
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output expects a folder for audit.json and audit.html, {output} is a file")
    return folder
