"""Reader of one file of a shape as a point cloud."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from intertwine._errors import UsageError
from intertwine.data._sampling import Cloud, ShapeError, Surface, sample
from intertwine.data.readers._point_files import SHAPE_SUFFIXES, read_shape


def read_cloud(path: str | os.PathLike[str], points: int = 20_000, seed: int = 0) -> Cloud:
    """The points of one file as they are, in its unit and axes; a mesh with faces is sampled by area.

    Args:
        path: OFF, PLY, OBJ, STL, GLB, GLTF, XYZ, TXT, PTS or NPZ.
        points: How many points of a mesh with faces.
        seed: Of the sampling; one seed, one cloud.

    Raises:
        UsageError: The file is missing, is of another format, or has a coordinate that is not finite.
    """
    file = Path(path)
    if file.suffix.lower() not in SHAPE_SUFFIXES:
        raise UsageError(f"{file}: expected a mesh or a point cloud ({', '.join(SHAPE_SUFFIXES)})")
    try:
        shape = read_shape(file)
        if isinstance(shape, Surface):
            return sample(shape, points, seed)
    except ShapeError as error:
        raise UsageError(f"{file}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if not len(shape.points):
        raise UsageError(f"{file}: no points")
    bad = ~np.isfinite(shape.points).all(axis=1)
    if bad.any():
        raise UsageError(f"{file}: a coordinate of point {int(bad.argmax()) + 1} is not finite")
    return shape
