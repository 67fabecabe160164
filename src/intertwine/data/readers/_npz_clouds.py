"""NPZ reader: arrays of points, normals and labels."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Cloud, ShapeError
from intertwine.data.readers._columns import LABEL_NAMES, integer_labels, unit_normals

POINT_NAMES = ("points", "pos", "positions", "xyz", "arr_0")

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise on damaged archives."""

_MAX_DEFLATION = 1100
"""Bytes that one byte of a zip can stand for, at most."""


def read_npz(content: bytes) -> Cloud:
    """The array points, pos, positions, xyz or arr_0 (P, 3), and, if they are there, normals (P, 3) and labels (P,).

    Raises:
        ShapeError: not a zip of arrays, an array larger than its bytes, no points, or arrays of other shapes.
    """
    try:
        check_sizes(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name.lower(): file[name] for name in file.files}
    except DAMAGED as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ShapeError(f"cannot be read as NPZ ({lines[0][:100]})") from error
    name = next((name for name in POINT_NAMES if name in arrays), None)
    if name is None:
        raise ShapeError(f'no array "points"; it has {", ".join(sorted(arrays))[:100] or "none"}')
    points = arrays[name]
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        found = f"{points.dtype} {points.shape}" if isinstance(points, np.ndarray) else "no array"
        raise ShapeError(f'the array "{name}" is {found}; expected numbers (P, 3)')
    normals = arrays.get("normals")
    labels = next((arrays[name] for name in LABEL_NAMES if name in arrays), None)
    _check_array("normals", normals, points.shape)
    _check_array("labels", labels, points.shape[:1])
    return Cloud(
        points.astype(np.float64),
        None if normals is None else unit_normals(normals.astype(np.float64)),
        None if labels is None else integer_labels(labels),
    )


def _check_array(name: str, array: npt.NDArray[np.generic] | None, shape: tuple[int, ...]) -> None:
    if array is None:
        return
    if not isinstance(array, np.ndarray):
        raise ShapeError(f'"{name}" is no array')
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise ShapeError(f'the array "{name}" is {array.dtype} {array.shape}; expected numbers {shape}')


def check_sizes(content: bytes) -> None:
    """Raise ValueError if an array's head announces more than its bytes can hold, before any memory is taken."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            if info.file_size > _MAX_DEFLATION * len(content):
                raise ValueError(f"{info.filename[:40]} announces {info.file_size:,} bytes")
            if not info.filename.endswith(".npy"):
                continue
            with archive.open(info) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            announced = dtype.itemsize
            for length in shape:
                announced *= int(length)
            if not dtype.hasobject and announced > info.file_size:
                raise ValueError(f"{info.filename[:40]} announces {shape} {dtype}, but is {info.file_size:,} bytes")
