"""`intertwine export`: a trained model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intertwine.cli._checkpoint import CHECKPOINT_HELP, check_folder, restore, run_folder
from intertwine.cli._console import console, show_line
from intertwine.cli._options import check_file_output
from intertwine.export import check_format

PASS, FAIL = 0, 1


def export(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    format: Annotated[
        str, typer.Option(help="torch: a program for torch.export.load; onnx: for ONNX Runtime and others.")
    ] = "torch",
    output: Annotated[
        str | None,
        typer.Option(help="File to write; by default model.pt2 or model.onnx in the run.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> int:
    """Export a model on images or clouds, or a potential with its forces; audited from the file."""
    suffix = check_format(format)
    check_folder(checkpoint)
    if output is not None:
        check_file_output(output, force=force)
    predictor, loaded = restore(checkpoint)
    path = Path(output) if output is not None else run_folder(loaded) / f"model{suffix}"
    found = predictor.export(path, format, force=force or output is None)
    screen = console()
    show_line(screen, "written", f"{path}, {path.stat().st_size:,} bytes")
    text = f"from the file: {found.difference:.1e} from the checkpoint's outputs"
    if found.equivariance is not None:
        text += f", {found.equivariance:.1e} under {found.group}"
    text += "".join(f", {check.value:.1e} {check.text}" for check in found.checks)
    show_line(screen, "audit", f"{'PASS' if found.passed else 'FAIL'}  {text}")
    return PASS if found.passed else FAIL
