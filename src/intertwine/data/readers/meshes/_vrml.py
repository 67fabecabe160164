"""VRML reader: indexed triangles, each shape of a named material."""

from __future__ import annotations

import re

import numpy as np

from intertwine.data._sampling import ShapeError, Surface

_SHAPE = re.compile(
    r"geometry\s+IndexedFaceSet\s*\{(?P<geometry>.*?)\}\s*\}\s*"
    r"appearance\s+Appearance\s*\{\s*material\s+USE\s+(?P<material>\S+?)\s*\}",
    re.DOTALL,
)
_NUMBERS = {name: re.compile(rf"\b{name}\s*\[(?P<numbers>[^\]]*)\]") for name in ("coordIndex", "point")}


def read_vrml(text: str) -> list[tuple[str, Surface]]:
    """The material and the triangles of each shape, in the order of the file.

    This is the subset that KiCad's exporter writes, not VRML: `IndexedFaceSet` with triangles, materials by `USE`, no
    transforms.

    Raises:
        ShapeError: the file goes beyond that subset.

    >>> read_vrml("geometry IndexedFaceSet { coordIndex [0,1,2,-1] coord Coordinate { point [0 0 0,1 0 0,0 1 0] }}"
    ...           " appearance Appearance { material USE PIN-01 } }")[0][0]
    'PIN-01'
    """
    shapes = [(match["material"], _triangles(match["geometry"])) for match in _SHAPE.finditer(text)]
    if len(shapes) != len(re.findall(r"geometry\s+Indexed", text)) or "Transform" in text:
        raise ShapeError("a shape without a named material, or transforms")
    if not shapes:
        raise ShapeError("no shapes")
    return shapes


def _triangles(geometry: str) -> Surface:
    columns = {name: pattern.search(geometry) for name, pattern in _NUMBERS.items()}
    try:
        corners, points = (
            np.array(match["numbers"].replace(",", " ").split(), dtype=np.float64)
            for match in columns.values()
            if match is not None
        )
        faces = corners.astype(np.int64).reshape(-1, 4)
        vertices = points.reshape(-1, 3)
    except ValueError as error:
        raise ShapeError(f"not triangles ({str(error).splitlines()[0][:80]})") from error
    if (faces[:, 3] != -1).any() or (faces[:, :3] < 0).any() or (faces >= len(vertices)).any():
        raise ShapeError("faces that are not triangles of its points")
    return Surface(vertices, faces[:, :3])
