"""Mesh reader: OFF, PLY, OBJ and STL here, glTF by trimesh with its scene reduced to one surface or one cloud."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import PurePath

import numpy as np

from intertwine._errors import UsageError
from intertwine.data._sampling import Cloud, ShapeError, Surface
from intertwine.data.readers.meshes._gltf import read_gltf
from intertwine.data.readers.meshes._obj import read_obj
from intertwine.data.readers.meshes._off import read_off
from intertwine.data.readers.meshes._ply import read_ply
from intertwine.data.readers.meshes._stl import read_stl

_READERS: dict[str, Callable[[bytes], Surface | Cloud]] = {
    ".off": read_off,
    ".ply": read_ply,
    ".obj": read_obj,
    ".stl": read_stl,
}
_TRIMESH_SUFFIXES = (".glb", ".gltf")
MESH_SUFFIXES = (*_READERS, *_TRIMESH_SUFFIXES)


def require_trimesh(suffix: str = ".glb") -> None:
    """Raises UsageError, with what to install, when files of this suffix need trimesh and it is not there."""
    if suffix.lower() in _TRIMESH_SUFFIXES and find_spec("trimesh") is None:
        raise UsageError('glTF is read by the Python package trimesh: pip install "intertwine[shapes]"')


def read_mesh(path: PurePath, content: bytes) -> Surface | Cloud:
    """A mesh as one surface, or, when the file has vertices but no faces, its vertices as a cloud.

    A scene's parts are moved to where the scene puts them and joined. Part labels come with PLY files only: an integer
    property called label or class of the vertices or the faces, else their colors.

    Args:
        path: the file's place, with one of `MESH_SUFFIXES`; other files beside it may be looked up.
        content: what is in it.

    Raises:
        ShapeError: the file is damaged or cut short, or there is not a vertex in it.
        UsageError: trimesh is needed and not installed.
    """
    suffix = path.suffix.lower()
    require_trimesh(suffix)
    reader = _READERS.get(suffix)
    try:
        shape = read_gltf(path, content) if reader is None else reader(content)
    except ShapeError as error:
        raise ShapeError(f"cannot be read as {suffix[1:].upper()}: {error}") from error
    if not len(shape.vertices if isinstance(shape, Surface) else shape.points):
        raise ShapeError("no vertices")
    return shape


def join_surfaces(surfaces: list[Surface]) -> Surface:
    """One surface of all faces; labels of faces are kept when every part has them."""
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    labels = [surface.face_labels for surface in surfaces if surface.face_labels is not None]
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.faces + start for surface, start in zip(surfaces, starts, strict=False)]),
        np.concatenate(labels) if len(labels) == len(surfaces) else None,
    )
