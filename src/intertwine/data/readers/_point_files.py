"""The reader that a file's name and first bytes ask for, and what every shape must be."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import numpy as np

from intertwine._regular_files import read_regular_file
from intertwine.data._sampling import Cloud, Floats, ShapeError, Surface
from intertwine.data.readers._npz_clouds import read_npz
from intertwine.data.readers._text_clouds import is_header, read_text_cloud
from intertwine.data.readers.meshes import MESH_SUFFIXES, check_binary_stl, is_binary_stl, read_mesh

TEXT_SUFFIXES = (".xyz", ".txt", ".pts")
_SCANS = ".pts"
SHAPE_SUFFIXES = (*MESH_SUFFIXES, *TEXT_SUFFIXES, ".npz")

_LARGEST = 1e307
"""A coordinate beyond which differences might overflow."""

_BEGINNINGS = {
    "PLY": re.compile(rb"ply\s"),
    "GLB": re.compile(rb"glTF"),
    "GLTF": re.compile(rb"\s*\{"),
    "NPZ": re.compile(rb"PK"),
    "OFF": re.compile(rb"(\s*#[^\n]*\n)*\s*(ST)?C?N?4?n?OFF"),
    "STL": re.compile(rb"\s*solid(\s|\w|$)", re.IGNORECASE),
    "text": re.compile(rb"(\s*(#|//)[^\n]*\n)*\s*[-+.\d]"),
    "OBJ": re.compile(rb"(\s*#[^\n]*\n)*\s*(mtllib|v|o|g|s|usemtl|vn|vt)\s"),
}


def read_shape(path: Path) -> Surface | Cloud:
    """One file of a shape, by its suffix: a mesh as a surface, points as a cloud.

    Text has the columns x y z, then normals (three columns of length 1) if there are six or more, then an integer label
    if there is one more; separated by blanks, commas or semicolons; or a header that names the columns. In PTS files
    the columns after x y z are an intensity and colors, which are no labels; see `read_text_cloud` for each width. NPZ
    has the arrays points (P, 3) and, if wanted, normals and labels.

    Raises:
        ShapeError: the file cannot be opened, is no regular file, is empty, is of another format than its name says,
            has nothing in it, or a coordinate beyond 1e307.
    """
    suffix = path.suffix.lower()
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise ShapeError(error.strerror or str(error)) from error
    if not content.strip():
        raise ShapeError("the file is empty")
    content = content.removeprefix(codecs.BOM_UTF8)
    _check_beginning(suffix, content)
    if suffix == ".npz":
        shape: Surface | Cloud = read_npz(content)
    else:
        is_text = suffix in TEXT_SUFFIXES
        shape = read_text_cloud(content, scan=suffix == _SCANS) if is_text else read_mesh(path, content)
    _check_size(shape.vertices if isinstance(shape, Surface) else shape.points)
    return shape


def _check_size(points: Floats) -> None:
    """Raise ShapeError if differences of finite coordinates might not be finite."""
    largest = float(np.abs(points, where=np.isfinite(points), out=np.zeros_like(points)).max(initial=0.0))
    if largest > _LARGEST:
        raise ShapeError(f"a coordinate is {largest:.3g}; expected at most {_LARGEST:g}")


def _check_beginning(suffix: str, content: bytes) -> None:
    expected = "text" if suffix in TEXT_SUFFIXES else suffix[1:].upper()
    head = content[:4096]
    if expected == "STL" and is_binary_stl(content):
        return
    if _BEGINNINGS[expected].match(head):
        return
    if expected == "text" and any(is_header(line) for line in head.decode("latin-1").splitlines()[:2]):
        return
    found = next((name for name, beginning in _BEGINNINGS.items() if beginning.match(head)), None)
    if expected == "OBJ" and found is None and re.search(rb"^\s*v\s", content, re.MULTILINE):
        return
    if expected == "STL" and found is None:
        check_binary_stl(content)
    came = f"begins like {found}" if found else f"begins with {_quoted(content[:16])}"
    raise ShapeError(f"expected {'columns of numbers' if expected == 'text' else expected} by its name, but it {came}")


def _quoted(beginning: bytes) -> str:
    text = beginning.split(b"\n")[0].decode("ascii", "replace").strip()
    return f'"{text}"' if text.isprintable() and "�" not in text else beginning[:8].hex(" ")
