"""Files of a projective reconstruction: tables of cameras and of points."""

from __future__ import annotations

import csv
from pathlib import Path

from intertwine.tasks._output import output_folder
from intertwine.tasks.sfm._projective_structure_from_motion import ProjectiveScene


def write_projective_scene(folder: Path, scene: ProjectiveScene) -> None:
    """Write the 3 x 4 matrices and the points as tables, ``projections.csv`` and ``points.csv``.

    Matrices stand row by row, from homogeneous points to homogeneous pixels; points are numbered as in the tracks.

    Args:
        folder: A new or empty folder.
        scene: What was reconstructed.

    Raises:
        UsageError: The folder cannot be written.
    """
    entries = [f"p{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4)]
    matrices = scene.projections.flatten(1).tolist()
    cameras = scene.registered.nonzero()[:, 0].tolist()
    points = scene.points.isfinite().all(1).nonzero()[:, 0].tolist()
    with output_folder(folder) as place:
        with (place / "projections.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["camera", *entries])
            table.writerows([scene.tracks.names[i], *(f"{x:.17g}" for x in matrices[i])] for i in cameras)
        with (place / "points.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["point", "x", "y", "z"])
            table.writerows([i, *(f"{x:.17g}" for x in scene.points[i].tolist())] for i in points)
