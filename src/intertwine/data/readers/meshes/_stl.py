"""STL reader: triangles in text or bytes."""

from __future__ import annotations

import re

import numpy as np

from intertwine.data._sampling import Floats, ShapeError, Surface

_HEAD_BYTES, _TRIANGLE_BYTES = 84, 50
"""Bytes of a binary STL: what stands before the triangles, their number last, and each of them."""

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_LOOP = re.compile(rb"^\s*outer\s+loop\s(.*?)endloop\b", re.IGNORECASE | re.DOTALL | re.MULTILINE)
_FACET = re.compile(rb"^\s*facet\b", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(rb"^\s*(end)?solid\b[^\n]*", re.IGNORECASE | re.MULTILINE)


def is_binary_stl(content: bytes) -> bool:
    """Whether the length is what the number of triangles in the head takes; the head itself may begin with "solid"."""
    return len(content) == _HEAD_BYTES + _TRIANGLE_BYTES * int.from_bytes(content[80:84], "little")


def check_binary_stl(content: bytes) -> None:
    """Raises ShapeError if the content, which is no text, is long enough for a binary STL but of another length."""
    if len(content) >= _HEAD_BYTES and not is_binary_stl(content):
        triangles = int.from_bytes(content[80:84], "little")
        size = _HEAD_BYTES + _TRIANGLE_BYTES * triangles
        raise ShapeError(f"no STL, or cut short: {len(content):,} bytes, but {triangles:,} triangles take {size:,}")


def read_stl(content: bytes) -> Surface:
    """All triangles of all solids, each with corners of its own.

    Raises:
        ShapeError: a facet without three vertices, or text that ends before its solid does.
    """
    corners = _from_bytes(content) if is_binary_stl(content) else _from_text(content)
    return Surface(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))


def _from_bytes(content: bytes) -> Floats:
    corners: Floats = np.frombuffer(content, _TRIANGLE, offset=_HEAD_BYTES)["corners"].astype(np.float64)
    return corners


def _from_text(content: bytes) -> Floats:
    names = [match[1] is not None for match in _NAME.finditer(content)]
    if not names or not names[-1]:
        raise ShapeError('cut short: the text ends without "endsolid"')
    body = _NAME.sub(b"", content)
    loops = _LOOP.findall(body)
    if len(loops) != len(_FACET.findall(body)):
        raise ShapeError(f"cut short: {len(_FACET.findall(body)):,} facets, but {len(loops):,} loops of vertices")
    words = [loop.split() for loop in loops]
    if any(len(loop) != 12 or any(word.lower() != b"vertex" for word in loop[::4]) for loop in words):
        raise ShapeError("a facet without exactly three vertices of three numbers")
    try:
        numbers = [[float(word) for k, word in enumerate(loop) if k % 4] for loop in words]
    except ValueError as error:
        raise ShapeError(f"a coordinate that is no number ({str(error)[:60]})") from error
    return np.array(numbers, dtype=np.float64).reshape(-1, 3, 3)
