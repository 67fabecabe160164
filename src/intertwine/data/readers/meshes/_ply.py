"""PLY reader: vertices, polygons, and a label or a color for each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Cloud, Floats, Integers, ShapeError, Surface
from intertwine.data.readers._columns import columns_to_labels, columns_to_normals
from intertwine.data.readers.meshes._ply_elements import read_ply_elements
from intertwine.data.readers.meshes._ply_header import ListColumn, PlyElement
from intertwine.data.readers.meshes._polygons import Polygons, triangulate

_CORNERS = ("vertex_indices", "vertex_index")


def read_ply(content: bytes) -> Surface | Cloud:
    """The polygons as a surface, or the vertices as a cloud when there are none.

    Text and bytes of either order, properties of any type and order, names in either case. Labels are an integer
    property called label or class of the faces, else of the vertices; else their colors.

    Raises:
        ShapeError: the header is not PLY's, rows are missing, or a face names no vertex.
    """
    elements = read_ply_elements(content)
    vertices = next((element for element in elements if element.name == "vertex"), None)
    if vertices is None:
        raise ShapeError("no vertices")
    points = _points(vertices)
    faces = next((element for element in elements if element.name == "face"), None)
    strips = next((element for element in elements if element.name == "tristrips"), None)
    labels = columns_to_labels(vertices.columns)
    if faces is None or not faces.length:
        if strips is not None and strips.length:
            raise ShapeError("triangle strips are not read; save it with faces")
        return Cloud(points, columns_to_normals(vertices.columns), labels)
    triangles, polygon = triangulate(_polygons(faces), points)
    face_labels = columns_to_labels(faces.columns)
    if face_labels is not None:
        return Surface(points, triangles, face_labels[polygon])
    return Surface(points, triangles, None, labels)


def _points(vertices: PlyElement) -> Floats:
    columns = vertices.columns
    missing = [name for name in "xyz" if name not in columns]
    if missing:
        raise ShapeError(f"vertices without {', '.join(missing)}; they have {', '.join(columns) or 'no properties'}")
    points: Floats = np.column_stack([columns[name].astype(np.float64) for name in "xyz"])
    return points


def _polygons(faces: PlyElement) -> Polygons:
    named = [faces.lists[name] for name in _CORNERS if name in faces.lists]
    if not named and len(faces.lists) == 1:
        named = list(faces.lists.values())
    if not named:
        raise ShapeError("faces without a list vertex_indices")
    column: ListColumn = named[0]
    return Polygons(column.sizes, _whole(column.values))


def _whole(values: npt.NDArray[Any]) -> Integers:
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if values.dtype.kind == "f" and not (whole == values).all():
        raise ShapeError("a face names a vertex by a number that is not whole")
    return whole
