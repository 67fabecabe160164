"""Command `intertwine audit`: equivariance error of a model, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated

import typer

from intertwine.cli._audit_callable import FAIL, PASS, audit_callable, names_callable
from intertwine.cli._checkpoint import check_folder, restore, run_folder
from intertwine.cli._console import console, show_line
from intertwine.cli._options import check_data, check_positive
from intertwine.tasks import AuditSettings

MODEL_HELP = "Checkpoint, such as runs/qm9-1/best; or module:name or file.py:name of a model in Python."


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
) -> int:
    """Measure the equivariance error of a model, layer by layer. Exit code 1 if it exceeds the tolerance."""
    check_positive("--tolerance", tolerance)
    check_positive("--samples", samples)
    if names_callable(checkpoint):
        return audit_callable(checkpoint, tolerance, samples, seed)
    check_folder(checkpoint)
    check_data(data)
    predictor, loaded = restore(checkpoint)
    report = replace(predictor.audit(data, AuditSettings(samples=samples, seed=seed)), tolerance=tolerance)
    screen = console()
    screen.print(str(report), soft_wrap=True)
    folder = run_folder(loaded)
    report.to_json(folder / "audit.json")
    show_line(screen, "written", str(folder / "audit.json"))
    if find_spec("matplotlib") is None:
        show_line(screen, "note", 'the page with plots needs matplotlib: pip install "intertwine[report]"')
    else:
        report.to_html(folder / "audit.html")
        show_line(screen, "page", str(folder / "audit.html"))
    return PASS if report.passed else FAIL
