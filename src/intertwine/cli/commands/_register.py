"""Command `intertwine register`: the motion of one point cloud or mesh onto another one."""

from __future__ import annotations

from math import degrees
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from torch import Tensor

    from intertwine.ops.registration import Registration
    from intertwine.tasks.register import RegisteredFiles

SUCCESS = 0


def register(
    first: Annotated[str, typer.Argument(metavar="A", help="Mesh or point cloud that moves.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Mesh or point cloud that stays.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Trained network (fit register), whose matches are tried beside those of local histograms.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Matrix (.txt), all results (.json) or the moved points of A (.ply, .xyz).",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Picture before and after.", show_default=False)
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="Estimate the ratio of the scales as well.")] = False,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Search all rotations and translations as well; some seconds more.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> int:
    """Estimate the rigid motion of one point cloud or mesh onto another, from any initial pose."""
    from intertwine.tasks import check_output, output_file
    from intertwine.tasks.register import MOTION_SUFFIXES, draw_registration, register_files, write_motion

    for name in (output, picture):
        if name is not None:
            check_output(Path(name), force=force)
    if output is not None and Path(output).suffix.lower() not in MOTION_SUFFIXES:
        raise UsageError(f"{output}: a registration is written as {', '.join(MOTION_SUFFIXES)}")
    if picture is not None and Path(picture).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"{picture}: the picture is written as .png, .pdf or .svg")
    if checkpoint is not None and scale:
        raise UsageError("--scale cannot be given with --checkpoint: a network takes both clouds in one unit")
    if checkpoint is not None and exhaustive:
        raise UsageError("--exhaustive cannot be given with --checkpoint: it searches without a network")
    method = None if checkpoint is None else _trained(checkpoint)
    found = register_files(first, second, scale=scale, exhaustive=exhaustive, method=method)
    screen = console()
    _show(screen, first, second, found, scaled=scale)
    if output is not None:
        with output_file(Path(output), force=force) as path:
            write_motion(path, found, Path(output).suffix.lower())
        show_line(screen, "written", output)
    if picture is not None:
        with output_file(Path(picture), force=force) as path:
            draw_registration(found).savefig(path, format=Path(picture).suffix[1:].lower(), dpi=130)
        show_line(screen, "written", picture)
    return SUCCESS


def _trained(checkpoint: str) -> Callable[[Tensor, Tensor], Registration]:
    """Registration with the network of a checkpoint."""
    from intertwine.tasks import load
    from intertwine.tasks.register import RegisterPredictor

    predictor = load(checkpoint)
    if not isinstance(predictor, RegisterPredictor):
        raise UsageError(f"--checkpoint {checkpoint} is no model of this task: train one with intertwine fit register")
    return predictor.register


def _show(screen: Console, first: str, second: str, found: RegisteredFiles, *, scaled: bool) -> None:
    motion = found.registration
    for name, cloud in zip((first, second), found.clouds, strict=True):
        show_line(screen, name, f"{len(cloud.points):,} points")
    angle, axis = _axis_angle(found)
    show_line(screen, "rotation", f"{angle:.2f} degrees about ({', '.join(f'{x:.3f}' for x in axis)})")
    show_line(screen, "translation", f"({', '.join(f'{x:.6g}' for x in motion.translation.tolist())})")
    if scaled:
        show_line(screen, "scale", f"{motion.scale:.6g}")
    shares = " and ".join(f"{100 * share:.0f} %" for share in motion.overlap)
    show_line(screen, "overlap", f"{shares} of the two")
    show_line(screen, "confidence", f"{motion.confidence:.2f}")
    for remark in motion.remarks:
        show_line(screen, "note", remark)
    for row in motion.matrix.tolist():
        show_line(screen, "", "".join(f"{value:>15.6g}" for value in row))


def _axis_angle(found: RegisteredFiles) -> tuple[float, list[float]]:
    """The angle in degrees and the axis of the rotation."""
    from scipy.spatial.transform import Rotation

    vector = Rotation.from_matrix(found.registration.rotation.numpy()).as_rotvec()
    angle = float((vector**2).sum() ** 0.5)
    return degrees(angle), (vector / angle).tolist() if angle > 0 else [0.0, 0.0, 1.0]
