"""Point files: columns of text, NPZ arrays; and the reader that a file's name and first bytes ask for."""

from __future__ import annotations

import codecs
import io
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np

from intertwine.data._sampling import Cloud, ShapeError, Surface
from intertwine.data.readers._meshes import LABEL_NAMES, MESH_SUFFIXES, integer_labels, read_mesh, unit_normals

TEXT_SUFFIXES = (".xyz", ".txt", ".pts")
SHAPE_SUFFIXES = (*MESH_SUFFIXES, *TEXT_SUFFIXES, ".npz")

_STL_HEAD, _STL_TRIANGLE = 84, 50
"""Bytes of a binary STL: what stands before the triangles, their number last, and each of them."""

_BEGINNINGS = {
    "PLY": re.compile(rb"ply\s"),
    "GLB": re.compile(rb"glTF"),
    "GLTF": re.compile(rb"\s*\{"),
    "NPZ": re.compile(rb"PK"),
    "OFF": re.compile(rb"(\s*#[^\n]*\n)*\s*(ST)?C?N?OFF"),
    "STL": re.compile(rb"\s*solid[\s\w]"),
    "text": re.compile(rb"(\s*(#|//)[^\n]*\n)*\s*[-+.\d]"),
    "OBJ": re.compile(rb"(\s*#[^\n]*\n)*\s*(mtllib|v|o|g|s|usemtl|vn|vt)\s"),
}


def read_shape(path: Path) -> Surface | Cloud:
    """One file of a shape, by its suffix: a mesh as a surface, points as a cloud.

    Text has the columns x y z, then normals (three columns of length 1) if there are six or more, then an integer label
    if there is one more; separated by blanks or commas. NPZ has the arrays points (P, 3) and, if wanted, normals and
    labels.

    Raises:
        ShapeError: the file cannot be opened, is empty, is of another format than its name says, or has nothing in it.
    """
    suffix = path.suffix.lower()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ShapeError(error.strerror or str(error)) from error
    if not content.strip():
        raise ShapeError("the file is empty")
    content = content.removeprefix(codecs.BOM_UTF8)
    _check_beginning(suffix, content)
    if suffix == ".npz":
        return _from_npz(content)
    return _from_text(content) if suffix in TEXT_SUFFIXES else read_mesh(path, content)


def _check_beginning(suffix: str, content: bytes) -> None:
    expected = "text" if suffix in TEXT_SUFFIXES else suffix[1:].upper()
    head = content[:4096]
    triangles = int.from_bytes(content[80:84], "little")
    if expected == "STL" and len(content) == _STL_HEAD + _STL_TRIANGLE * triangles:
        return
    if _BEGINNINGS[expected].match(head):
        return
    found = next((name for name, beginning in _BEGINNINGS.items() if beginning.match(head)), None)
    if expected == "OBJ" and found is None and re.search(rb"^\s*v\s", content, re.MULTILINE):
        return
    if expected == "STL" and found is None and len(content) >= _STL_HEAD:
        size = _STL_HEAD + _STL_TRIANGLE * triangles
        raise ShapeError(f"no STL, or cut short: {len(content):,} bytes, but {triangles:,} triangles take {size:,}")
    came = f"begins like {found}" if found else f"begins with {_quoted(content[:16])}"
    raise ShapeError(f"expected {'columns of numbers' if expected == 'text' else expected} by its name, but it {came}")


def _quoted(beginning: bytes) -> str:
    text = beginning.split(b"\n")[0].decode("ascii", "replace").strip()
    return f'"{text}"' if text.isprintable() and "�" not in text else beginning[:8].hex(" ")


def _from_text(content: bytes) -> Cloud:
    text = content.decode("ascii", "replace").strip()
    first, _, rest = text.partition("\n")
    if first.strip().isdigit():  # how many points follow
        text = rest
    delimiter = "," if "," in text[:4096] else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of no data: said below
            table = np.loadtxt(io.StringIO(text), dtype=np.float64, delimiter=delimiter, comments=("#", "//"), ndmin=2)
    except ValueError as error:
        reason = str(error).splitlines()[0].partition(";")[0] if "columns changed" in str(error) else str(error)
        raise ShapeError(f"not columns of numbers ({reason.splitlines()[0][:100]})") from error
    if not table.size:
        raise ShapeError("no points")
    width = table.shape[1]
    if width not in (3, 4, 6, 7):
        raise ShapeError(f"{width} columns; expected x y z, then three of normals and one of labels if there are any")
    return Cloud(
        table[:, :3],
        unit_normals(table[:, 3:6]) if width >= 6 else None,
        integer_labels(table[:, -1]) if width in (4, 7) else None,
    )


def _from_npz(content: bytes) -> Cloud:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name.lower(): file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ShapeError(f"cannot be read as NPZ ({str(error).splitlines()[0][:100]})") from error
    if "points" not in arrays:
        raise ShapeError(f'no array "points"; it has {", ".join(sorted(arrays)) or "none"}')
    points = arrays["points"]
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise ShapeError(f'the array "points" is {points.dtype} {points.shape}; expected numbers (P, 3)')
    labels = next((arrays[name] for name in LABEL_NAMES if name in arrays), None)
    for name, array, shape in (("normals", arrays.get("normals"), points.shape), ("labels", labels, points.shape[:1])):
        if array is not None and (array.shape != shape or array.dtype.kind not in "fiu"):
            raise ShapeError(f'the array "{name}" is {array.dtype} {array.shape}; expected numbers {shape}')
    normals = arrays.get("normals")
    return Cloud(
        points.astype(np.float64),
        None if normals is None else unit_normals(normals.astype(np.float64)),
        None if labels is None else integer_labels(labels),
    )
