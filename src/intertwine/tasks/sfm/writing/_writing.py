"""Files of a reconstructed scene: COLMAP models, point clouds, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from intertwine.tasks._output import output_folder
from intertwine.tasks.sfm._reconstruction import Reconstruction, Scene
from intertwine.tasks.sfm.writing._colmap_model import write_colmap_model
from intertwine.tasks.sfm.writing._page import scene_page

_POINT, _CAMERA = (190, 190, 190), (220, 60, 40)


def write_scene(folder: Path, scene: Scene, origin: Sequence[tuple[str, str]] = ()) -> None:
    """Write a COLMAP model (text and binary) and a point cloud for each part, and a page with all of them.

    Part n stands in ``folder/n``, as COLMAP has it; ``folder/scene.html`` shows cameras and points.

    Args:
        folder: A new or empty folder.
        scene: What was reconstructed.
        origin: Rows of a table on the page about the run: labels and texts.

    Raises:
        UsageError: The folder cannot be written.
    """
    with output_folder(folder) as place:
        for number, part in enumerate(scene.parts):
            write_colmap_model(place / str(number), part)
            write_ply(place / str(number) / "points.ply", part)
        (place / "scene.html").write_text(scene_page(scene, origin), encoding="utf-8")


def write_ply(path: Path, reconstruction: Reconstruction) -> None:
    """Write the points (gray) and the positions of the cameras (red) as a binary PLY file."""
    points = reconstruction.points[reconstruction.points.isfinite().all(1)]
    centers = reconstruction.centers[reconstruction.registered]
    kind = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])
    table = np.concatenate([_colored(points, _POINT, kind), _colored(centers, _CAMERA, kind)])
    properties = [f"property float {axis}" for axis in "xyz"]
    properties += [f"property uchar {color}" for color in ("red", "green", "blue")]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}", *properties, "end_header", ""]
    path.write_bytes("\n".join(header).encode() + table.tobytes())


def _colored(points: Tensor, color: tuple[int, int, int], kind: np.dtype[np.void]) -> np.ndarray:
    table = np.zeros(len(points), kind)
    table["xyz"] = points.to(torch.float32).numpy()
    table["rgb"] = color
    return table
