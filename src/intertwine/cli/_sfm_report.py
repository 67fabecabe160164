"""What `intertwine sfm` prints about reconstructed scenes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from intertwine.cli._console import show_line

if TYPE_CHECKING:
    from rich.console import Console

    from intertwine.tasks.sfm import ProjectiveReconstruction, ProjectiveScene, Reconstruction, Scene


def show_scene(screen: Console, scene: Scene) -> None:
    """The remarks, and what was found of each part."""
    _show_remarks(screen, scene.remarks, len(scene.parts))
    for number, part in enumerate(scene.parts):
        _show_size(screen, part, number if len(scene.parts) > 1 else None)
        error = f"mean error {part.reprojection_error:.3f} px over {_observations(part)}"
        show_line(screen, "reprojection", f"{error}; {part.start_error:.3f} px before bundle adjustment")
        show_line(screen, "start", "relative poses of pairs" if part.method == "geometry" else "network")
        _show_pose_errors(screen, part)


def show_projective_scene(screen: Console, scene: ProjectiveScene) -> None:
    """The remarks, and what was found of each part."""
    _show_remarks(screen, scene.remarks, len(scene.parts))
    for number, part in enumerate(scene.parts):
        _show_size(screen, part, number if len(scene.parts) > 1 else None)
        show_line(screen, "reprojection", f"mean error {part.reprojection_error:.3f} px over {_observations(part)}")
        show_line(screen, "start", "fundamental matrix of a pair" if part.method == "geometry" else "network")


def _show_remarks(screen: Console, remarks: Sequence[str], parts: int) -> None:
    for remark in remarks:
        show_line(screen, "note", remark)
    if parts > 1:
        show_line(screen, "note", f"{parts} parts without common points, each solved by itself")


def _show_size(screen: Console, part: Reconstruction | ProjectiveReconstruction, number: int | None) -> None:
    tracks = part.tracks
    if number is not None:
        names = [tracks.names[i] for i in part.registered.nonzero()[:, 0].tolist()]
        more = f" and {len(names) - 6} more" if names[6:] else ""
        show_line(screen, f"part {number}", ", ".join(names[:6]) + more)
    points = int(part.points.isfinite().all(1).sum())
    show_line(screen, "cameras", f"{int(part.registered.sum())} of {tracks.num_cameras}, {points:,} points")


def _observations(part: Reconstruction | ProjectiveReconstruction) -> str:
    kept, given = int(part.inliers.sum()), len(part.tracks.camera)
    return f"all {given:,} observations" if kept == given else f"{kept:,} of {given:,} observations that agree"


def _show_pose_errors(screen: Console, part: Reconstruction) -> None:
    from intertwine.tasks.sfm import pose_errors

    if part.tracks.poses is None:
        return
    turn, shift = pose_errors(part, part.tracks.poses)
    show_line(screen, "rotation", f"mean error {turn.mean():.4f} degrees, largest {turn.max():.4f}")
    unit = "in the unit of the known poses"
    show_line(screen, "position", f"mean error {shift.mean():.4g}, largest {shift.max():.4g}, {unit}")
