"""OFF reader: vertices and polygons, with any of the prefixes that only add columns."""

from __future__ import annotations

import re

import numpy as np

from intertwine.data._sampling import Cloud, ShapeError, Surface
from intertwine.data.readers.meshes._polygons import polygons_from_lists, triangulate

_HEADER = re.compile(r"(?i:ST)?(?i:C)?N?(?P<four>4)?(?P<any>n)?(?i:OFF(?P<binary>\s+BINARY)?)")
"""N says that vertices have normals, n that they have any number of coordinates."""


def read_off(content: bytes) -> Surface | Cloud:
    """The polygons as a surface, or the vertices as a cloud when there are no polygons.

    OFF, COFF, NOFF, STOFF and their combinations; the counts may stand on the line of the header, glued to it or not;
    comments may stand anywhere. Colors and texture are left out.

    Raises:
        ShapeError: fewer lines than the counts say, a number that is none, a face that names no vertex.
    """
    text = re.sub(r"#[^\n]*", "", content.decode("latin-1")).strip()
    header = _HEADER.match(text)
    if header is None:
        raise ShapeError("expected OFF on its first line")
    if header["four"] or header["any"] or header["binary"]:
        raise ShapeError(f'the variant "{header[0]}" is not read; save it as plain OFF')
    lines = [line for line in map(str.strip, text[header.end() :].splitlines()) if line]
    vertex_count, face_count = _counts(lines[0] if lines else "")
    if len(lines) - 1 < vertex_count + face_count:
        raise ShapeError(f"cut short: {vertex_count:,} vertices and {face_count:,} faces, but {len(lines) - 1:,} lines")
    if len(lines) - 1 > vertex_count + face_count:
        raise ShapeError(f"{len(lines) - 1:,} lines follow, but {vertex_count:,} vertices, {face_count:,} faces")
    vertices = np.array([_point(line) for line in lines[1 : vertex_count + 1]], dtype=np.float64).reshape(-1, 3)
    if not face_count:
        return Cloud(vertices)
    polygons = polygons_from_lists([_polygon(line) for line in lines[vertex_count + 1 :]])
    return Surface(vertices, triangulate(polygons, vertices)[0])


def _counts(line: str) -> tuple[int, int]:
    try:
        vertices, faces = (int(word) for word in line.split()[:2])
    except ValueError:
        vertices = faces = -1
    if vertices < 0 or faces < 0:
        raise ShapeError(f'expected the numbers of vertices, faces and edges, found "{line[:40]}"')
    return vertices, faces


def _point(line: str) -> list[float]:
    try:
        x, y, z = (float(word) for word in line.split()[:3])
    except ValueError:
        raise ShapeError(f'expected the x y z of a vertex, found "{line[:40]}"') from None
    return [x, y, z]


def _polygon(line: str) -> list[int]:
    words = line.split()
    try:
        size = int(words[0])
        corners = [int(word) for word in words[1 : size + 1]]
    except ValueError:
        size, corners = -1, []
    if size < 0 or len(corners) != size:
        raise ShapeError(f'expected a number of corners and as many vertices, found "{line[:40]}"')
    return corners
