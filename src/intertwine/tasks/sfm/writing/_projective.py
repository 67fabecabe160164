"""Files of a projective reconstruction: tables of cameras and of points, and a page."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from intertwine.tasks._output import output_folder
from intertwine.tasks.sfm._projective_structure_from_motion import ProjectiveScene
from intertwine.tasks.sfm.writing._page import scene_page


def write_projective_scene(folder: Path, scene: ProjectiveScene, origin: Sequence[tuple[str, str]] = ()) -> None:
    """Write the 3 x 4 matrices and the points as tables, ``projections.csv`` and ``points.csv``, and ``scene.html``.

    Matrices stand row by row, from homogeneous points to homogeneous pixels; points are numbered as in the tracks. The
    last column is the number of the connected part: each part has a projective frame of its own.

    Args:
        folder: A new or empty folder.
        scene: What was reconstructed.
        origin: Rows of a table on the page about the run: labels and texts.

    Raises:
        UsageError: The folder cannot be written.
    """
    entries = [f"p{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4)]
    cameras: list[list[object]] = []
    points: list[list[object]] = []
    for number, part in enumerate(scene.parts):
        matrices, positions = part.projections.flatten(1), part.points
        known, found = part.registered.nonzero()[:, 0], positions.isfinite().all(1).nonzero()[:, 0]
        cameras += [[scene.tracks.names[i], *_digits(matrices[i]), number] for i in known.tolist()]
        points += [[i, *_digits(positions[i]), number] for i in found.tolist()]
    with output_folder(folder) as place:
        _write(place / "projections.csv", ["camera", *entries, "part"], cameras)
        _write(place / "points.csv", ["point", "x", "y", "z", "part"], points)
        (place / "scene.html").write_text(scene_page(scene, origin), encoding="utf-8")


def _digits(row: Tensor) -> list[str]:
    return [f"{x:.17g}" for x in row.tolist()]


def _write(path: Path, titles: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(titles)
        table.writerows(rows)
