"""Command `intertwine sfm`: cameras and points of one scene from its tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._origin import page_origin

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.data.tracks import Tracks
    from intertwine.tasks.sfm import NetworkStart, Reconstruction, Scene

SUCCESS = 0

_MOST_STEPS = 1_000_000


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
    start: Annotated[
        str | None,
        typer.Option(
            metavar="START",
            help="What gives the first poses: geometry (relative poses of pairs; the default), or network.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Trained network of `intertwine fit sfm`, for --start network.", show_default=False
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Steps of optimization of the network on the scene; by default 2000, with --checkpoint 0.",
            show_default=False,
        ),
    ] = None,
    cameras: Annotated[
        str,
        typer.Option(
            metavar="CAMERAS",
            help="calibrated, or projective: without intrinsics, up to a projective transformation of space.",
        ),
    ] = "calibrated",
    threshold: Annotated[float, typer.Option(metavar="PIXELS", help="Largest reprojection error of an inlier.")] = 4.0,
) -> int:
    """Reconstruct cameras and points of a scene from its tracks and intrinsics, or from its tracks alone."""
    from intertwine.data.tracks import read_tracks
    from intertwine.tasks import check_output_folder
    from intertwine.tasks.sfm import structure_from_motion, write_scene

    if not 0 < threshold < float("inf"):
        raise UsageError(f"--threshold expects a number of pixels above 0, got {threshold}")
    projective = _is_projective(cameras, checkpoint)
    network = _network_start(start, checkpoint, steps)
    if output is not None:
        check_output_folder(Path(output))
    screen = console()
    tracks = read_tracks(scene, intrinsics=intrinsics, calibrated=not projective)
    show_line(
        screen,
        scene,
        f"{tracks.num_cameras} cameras, {tracks.num_points:,} points, {len(tracks.camera):,} observations",
    )
    if projective:
        return _reconstruct_projective(screen, tracks, threshold, network, output)
    with progress(screen, "cameras", "cameras") as bar:
        found = structure_from_motion(tracks, threshold=threshold, network=network, progress=bar)
    _show(screen, found)
    if output is not None:
        write_scene(Path(output), found, page_origin([scene, intrinsics, checkpoint]))
        show_line(screen, "written", output)
    return SUCCESS


def _is_projective(cameras: str, checkpoint: str | None) -> bool:
    from intertwine.tasks import unknown

    if cameras not in ("calibrated", "projective"):
        raise unknown("kind of cameras", cameras, ("calibrated", "projective"))
    if cameras == "projective" and checkpoint is not None:
        raise UsageError("the cameras of a trained network are calibrated: leave out --checkpoint, or --cameras")
    return cameras == "projective"


def _reconstruct_projective(
    screen: Console, tracks: Tracks, threshold: float, network: NetworkStart | None, output: str | None
) -> int:
    from intertwine.tasks.sfm import projective_structure_from_motion, write_projective_scene

    found = projective_structure_from_motion(tracks, threshold=threshold, network=network)
    for remark in found.remarks:
        show_line(screen, "note", remark)
    points = int(found.points.isfinite().all(1).sum())
    show_line(screen, "cameras", f"{int(found.registered.sum())} of {tracks.num_cameras}, {points:,} points")
    kept = f"{int(found.inliers.sum()):,} of {len(tracks.camera):,} observations that agree"
    show_line(screen, "reprojection", f"mean error {found.reprojection_error:.3f} px over {kept}")
    show_line(screen, "start", "fundamental matrix of a pair" if found.method == "geometry" else "network")
    if output is not None:
        write_projective_scene(Path(output), found)
        show_line(screen, "written", output)
    return SUCCESS


def _network_start(start: str | None, checkpoint: str | None, steps: int | None) -> NetworkStart | None:
    """The network that was asked for, None for geometry."""
    from intertwine.tasks import load, unknown
    from intertwine.tasks.sfm import NetworkStart

    if start not in (None, "geometry", "network"):
        raise unknown("start", start, ("geometry", "network"))
    if start is None:
        start = "geometry" if checkpoint is None else "network"
    if start == "geometry":
        given = "--checkpoint" if checkpoint is not None else "--steps" if steps is not None else None
        if given:
            raise UsageError(f"{given} belongs to a network: leave it out, or give --start network")
        return None
    if steps is not None and not 0 <= steps <= _MOST_STEPS:
        raise UsageError(f"--steps expects a number within 0 .. {_MOST_STEPS:,}, got {steps:,}")
    if checkpoint is None:
        return NetworkStart() if steps is None else NetworkStart(steps=steps)
    predictor = load(checkpoint)
    if predictor.kind != "scenes":
        raise UsageError(f"{checkpoint} is a model on {predictor.kind}; expected one of `intertwine fit sfm`")
    return NetworkStart(predictor.model, steps or 0)


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
    kept, given = int(part.inliers.sum()), len(tracks.camera)
    observations = f"all {given:,} observations" if kept == given else f"{kept:,} of {given:,} observations that agree"
    show_line(
        screen,
        "reprojection",
        f"mean error {part.reprojection_error:.3f} px over {observations}; {part.start_error:.3f} px before bundle "
        "adjustment",
    )
    show_line(screen, "start", "relative poses of pairs" if part.method == "geometry" else "network")
    if tracks.poses is not None:
        turn, shift = pose_errors(part, tracks.poses)
        show_line(screen, "rotation", f"mean error {turn.mean():.4f} degrees, largest {turn.max():.4f}")
        unit = "in the unit of the known poses"
        show_line(screen, "position", f"mean error {shift.mean():.4g}, largest {shift.max():.4g}, {unit}")
