"""Command `intertwine sfm`: cameras and points of one scene from its tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, progress, show_line
from intertwine.cli._origin import page_origin

if TYPE_CHECKING:
    from intertwine.tasks.sfm import NetworkStart

SUCCESS = 0

_MOST_STEPS = 1_000_000
_CAMERAS = ("calibrated", "projective")

_Scene = Annotated[
    str,
    typer.Argument(
        metavar="SCENE",
        help="COLMAP model (folder) or database (.db), BAL problem (.txt, .bz2, .gz), table of tracks (.csv: "
        "camera, point, x, y), or arrays (.npz).",
    ),
]
_Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for COLMAP models and PLY files, or tables, and a page.",
        show_default=False,
    ),
]
_Intrinsics = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Cameras of a table of tracks (.csv: camera, fx, fy, cx, cy, width, height).",
        show_default=False,
    ),
]
_Start = Annotated[
    str | None,
    typer.Option(
        metavar="START",
        help="What gives the first poses: geometry (relative poses of pairs; the default), or network.",
        show_default=False,
    ),
]
_Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", help="Trained network of `intertwine fit sfm`, for --start network.", show_default=False
    ),
]
_Steps = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Steps of optimization of the network on the scene; by default 2000, with --checkpoint 0.",
        show_default=False,
    ),
]
_Cameras = Annotated[
    str | None,
    typer.Option(
        metavar="CAMERAS",
        help="calibrated, or projective: without intrinsics, up to a projective transformation of space. By default "
        "those of the network of --checkpoint, else calibrated.",
        show_default=False,
    ),
]
_Threshold = Annotated[float, typer.Option(metavar="PIXELS", help="Largest reprojection error of an inlier.")]
_Solver = Annotated[
    str,
    typer.Option(
        metavar="SOLVER",
        help="What does the last bundle adjustment of calibrated cameras: intertwine, pycolmap (where it is "
        "installed) or scipy (slow).",
    ),
]


def sfm(
    scene: _Scene,
    output: _Output = None,
    intrinsics: _Intrinsics = None,
    start: _Start = None,
    checkpoint: _Checkpoint = None,
    steps: _Steps = None,
    cameras: _Cameras = None,
    threshold: _Threshold = 4.0,
    solver: _Solver = "intertwine",
) -> int:
    """Reconstruct cameras and points of a scene from its tracks and intrinsics, or from its tracks alone."""
    from intertwine.cli._sfm_report import show_projective_scene, show_scene
    from intertwine.data.tracks import read_tracks
    from intertwine.tasks import check_output_folder
    from intertwine.tasks.sfm import (
        projective_structure_from_motion,
        structure_from_motion,
        write_projective_scene,
        write_scene,
    )

    if not 0 < threshold < float("inf"):
        raise UsageError(f"--threshold expects a number of pixels above 0, got {threshold}")
    network = _network_start(start, checkpoint, steps)
    projective = _is_projective(cameras, network, solver)
    if output is not None:
        check_output_folder(Path(output))
    screen = console()
    tracks = read_tracks(scene, intrinsics=intrinsics, calibrated=not projective)
    size = f"{tracks.num_cameras} cameras, {tracks.num_points:,} points, {len(tracks.camera):,} observations"
    show_line(screen, scene, size)
    folder, origin = None if output is None else Path(output), page_origin([scene, intrinsics, checkpoint])
    with progress(screen, "cameras", "cameras") as bar:
        if projective:
            matrices = projective_structure_from_motion(tracks, threshold=threshold, network=network, progress=bar)
        else:
            poses = structure_from_motion(tracks, threshold=threshold, network=network, solver=solver, progress=bar)
    if projective:
        show_projective_scene(screen, matrices)
        if folder is not None:
            write_projective_scene(folder, matrices, origin)
    else:
        show_scene(screen, poses)
        if solver != "intertwine":
            show_line(screen, "solver", f"{solver} for the last bundle adjustment")
        if folder is not None:
            write_scene(folder, poses, origin)
    if output is not None:
        show_line(screen, "written", output)
    return SUCCESS


def _is_projective(cameras: str | None, network: NetworkStart | None, solver: str) -> bool:
    from intertwine.tasks import unknown
    from intertwine.tasks.sfm import check_solver

    check_solver(solver)
    if cameras not in (None, *_CAMERAS):
        raise unknown("kind of cameras", cameras or "", _CAMERAS)
    trained = None if network is None or network.network is None else network.network.cameras
    if cameras is not None and trained not in (None, cameras):
        raise UsageError(f"the cameras of this network are {trained}: leave out --cameras, or give --cameras {trained}")
    projective = (cameras or trained) == "projective"
    if projective and solver != "intertwine":
        raise UsageError("--solver belongs to calibrated cameras: leave it out, or --cameras projective")
    return projective


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
