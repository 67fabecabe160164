"""Wavefront OBJ reader: vertices and faces."""

from __future__ import annotations

import re

import numpy as np

from intertwine.data._sampling import Cloud, ShapeError, Surface
from intertwine.data.readers.meshes._polygons import polygons_from_lists, triangulate

_CONTINUATION = re.compile(r"\\[ \t]*\r?\n")


def read_obj(content: bytes) -> Surface | Cloud:
    """All faces of all groups as one surface, or the vertices as a cloud when there are no faces.

    Blanks, tabs, indentation, comments and lines continued by a backslash are as the format has them. A negative index
    counts back from the vertices that stand before its face. Texture, normals, lines and materials are left out.

    Raises:
        ShapeError: a number that is none, or a face that names no vertex.
    """
    text = _CONTINUATION.sub(" ", content.decode("latin-1"))
    vertices: list[list[float]] = []
    polygons: list[list[int]] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words or words[0] not in ("v", "f"):
            continue
        try:
            if words[0] == "v":
                x, y, z = words[1:4]
                vertices.append([float(x), float(y), float(z)])
            else:
                polygons.append([_index(word, len(vertices)) for word in words[1:]])
        except ValueError as error:
            raise ShapeError(f'line {number}: "{line.strip()[:40]}": {_reason(words[0])}') from error
    points = np.array(vertices, dtype=np.float64).reshape(-1, 3)
    if not polygons:
        return Cloud(points)
    return Surface(points, triangulate(polygons_from_lists(polygons), points)[0])


def _index(word: str, count: int) -> int:
    """The vertex, from 0, of a corner such as 5, 5/2, 5//3 or -1."""
    index = int(word.partition("/")[0])
    if index == 0 or index < -count:
        raise ValueError
    return index - 1 if index > 0 else count + index


def _reason(kind: str) -> str:
    if kind == "v":
        return "expected three numbers after v"
    return "expected vertices that are there, counted from 1 or, backwards, from -1"
