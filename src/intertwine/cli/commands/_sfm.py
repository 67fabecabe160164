"""Command `intertwine sfm`: cameras and points of one scene from its tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, progress, show_line

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.tasks.sfm import Reconstruction, Scene

SUCCESS = 0


def sfm(
    scene: Annotated[
        str,
        typer.Argument(
            metavar="SCENE",
            help="COLMAP model (folder) or database (.db), BAL problem (.txt, .bz2, .gz), table of tracks (.csv: "
            "camera, point, x, y), or arrays (.npz).",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for COLMAP models, PLY files and a page.", show_default=False
        ),
    ] = None,
    intrinsics: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Cameras of a table of tracks (.csv: camera, fx, fy, cx, cy, width, height).",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(metavar="PIXELS", help="Largest reprojection error of an inlier.")] = 4.0,
) -> int:
    """Reconstruct cameras and points of a scene from its tracks and intrinsics."""
    from intertwine.tasks import check_output_folder
    from intertwine.tasks.sfm import structure_from_motion, write_scene

    if not 0 < threshold < float("inf"):
        raise UsageError(f"--threshold expects a number of pixels above 0, got {threshold}")
    if output is not None:
        check_output_folder(Path(output))
    from intertwine.data.tracks import read_tracks

    screen = console()
    tracks = read_tracks(scene, intrinsics=intrinsics)
    show_line(
        screen,
        scene,
        f"{tracks.num_cameras} cameras, {tracks.num_points:,} points, {len(tracks.camera):,} observations",
    )
    with progress(screen, "cameras", "cameras") as bar:
        found = structure_from_motion(tracks, threshold=threshold, progress=bar)
    _show(screen, found)
    if output is not None:
        write_scene(Path(output), found)
        show_line(screen, "written", output)
    return SUCCESS


def _show(screen: Console, scene: Scene) -> None:
    for remark in scene.remarks:
        show_line(screen, "note", remark)
    if len(scene.parts) > 1:
        show_line(screen, "note", f"{len(scene.parts)} parts without common points, each solved by itself")
    for number, part in enumerate(scene.parts):
        _show_part(screen, number, part, of_many=len(scene.parts) > 1)


def _show_part(screen: Console, number: int, part: Reconstruction, *, of_many: bool) -> None:
    from intertwine.tasks.sfm import pose_errors

    tracks = part.tracks
    if of_many:
        names = [tracks.names[i] for i in part.registered.nonzero()[:, 0].tolist()]
        show_line(screen, f"part {number}", ", ".join(names[:6]) + (f" and {len(names) - 6} more" if names[6:] else ""))
    points = int(part.points.isfinite().all(1).sum())
    show_line(screen, "cameras", f"{int(part.registered.sum())} of {tracks.num_cameras}, {points:,} points")
    show_line(
        screen,
        "reprojection",
        f"mean error {part.reprojection_error:.3f} px over {int(part.inliers.sum()):,} of {len(tracks.camera):,} "
        "observations, the others do not agree",
    )
    if tracks.poses is not None:
        errors = pose_errors(part, tracks.poses)
        show_line(
            screen, "rotation", f"mean error {errors.rotation.mean():.4f} degrees, largest {errors.rotation.max():.4f}"
        )
        show_line(
            screen,
            "position",
            f"mean error {errors.position.mean():.4g}, largest {errors.position.max():.4g}, in the unit of the known poses",
        )
