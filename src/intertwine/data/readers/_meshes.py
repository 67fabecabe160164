"""Mesh reader: the formats of trimesh, a scene reduced to one surface or one cloud."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine.data._sampling import Cloud, Floats, Integers, ShapeError, Surface

if TYPE_CHECKING:
    from collections.abc import Iterator

MESH_SUFFIXES = (".off", ".ply", ".obj", ".stl", ".glb", ".gltf")
LABEL_NAMES = ("label", "labels", "class", "scalar_label", "scalar_class", "part")
COLOR = 1 << 40
"""Labels from here on are colors: COLOR + 65536 red + 256 green + blue."""


def require_trimesh() -> None:
    """Raises UsageError, with what to install, when trimesh is not there."""
    if find_spec("trimesh") is None:
        raise UsageError('meshes are read by the Python package trimesh: pip install "intertwine[shapes]"')


def read_mesh(path: PurePath, content: bytes) -> Surface | Cloud:
    """A mesh as one surface, or, when the file has vertices but no faces, its vertices as a cloud.

    A scene's parts are moved to where the scene puts them and joined. Part labels come with PLY files only: an integer
    property called label or class of the vertices or the faces, else their colors.

    Args:
        path: the file's place, with one of `MESH_SUFFIXES`; other files beside it may be looked up.
        content: what is in it.

    Raises:
        ShapeError: trimesh cannot read it, or there is not a vertex in it.
        UsageError: trimesh is not installed.
    """
    require_trimesh()
    scene = _load(path, content)
    parts = [part for part in _parts(scene) if len(part.vertices)]
    surfaces = [part for part in parts if len(part.faces)]
    if surfaces:
        return surfaces[0] if len(surfaces) == 1 else join_surfaces(surfaces)
    if not parts:
        raise ShapeError("no vertices")
    labels = parts[0].vertex_labels if len(parts) == 1 else None
    return Cloud(np.concatenate([part.vertices for part in parts]), _normals(scene), labels)


def join_surfaces(surfaces: list[Surface]) -> Surface:
    """One surface of all faces; labels of faces are kept when every part has them."""
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    labels = [surface.face_labels for surface in surfaces if surface.face_labels is not None]
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.faces + start for surface, start in zip(surfaces, starts, strict=False)]),
        np.concatenate(labels) if len(labels) == len(surfaces) else None,
    )


def _load(path: PurePath, content: bytes) -> Any:
    import trimesh

    kind = path.suffix.lower()[1:]
    try:
        with _quiet():
            return trimesh.load_scene(
                trimesh.util.wrap_as_stream(content),
                file_type=kind,
                resolver=trimesh.resolvers.FilePathResolver(str(path)) if kind == "gltf" else None,
                process=False,
                skip_materials=True,
            )
    except Exception as error:  # trimesh raises what it meets
        lines = str(error).strip().splitlines()
        reason = f": {lines[0][:100]}" if lines else ""
        raise ShapeError(
            f"cannot be read as {kind.upper()}: damaged or cut short ({type(error).__name__}{reason})"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """A reader's warnings are not the user's: what matters is checked afterwards."""
    log = logging.getLogger("trimesh")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _parts(scene: Any) -> Iterator[Surface]:
    """Each part of the scene where the scene puts it."""
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        vertices = np.asarray(getattr(geometry, "vertices", ()), dtype=np.float64).reshape(-1, 3)
        faces = np.asarray(getattr(geometry, "faces", ()), dtype=np.int64).reshape(-1, 3)
        vertices = vertices @ transform[:3, :3].T + transform[:3, 3]
        if np.linalg.det(transform[:3, :3]) < 0:
            faces = faces[:, ::-1]
        raw = geometry.metadata.get("_ply_raw", {})
        _check_complete(raw)
        face_labels = _labels(raw.get("face"), len(faces))
        vertex_labels = None if face_labels is not None else _labels(raw.get("vertex"), len(vertices))
        yield Surface(vertices, faces, face_labels, vertex_labels)


def _check_complete(elements: Mapping[str, Any]) -> None:
    """Raise if a PLY file, whose text may end anywhere, has fewer rows than it announces."""
    for name, element in elements.items():
        data = element.get("data")
        if isinstance(data, Mapping) and data and (rows := min(map(len, data.values()))) < element["length"]:
            raise ShapeError(f'cut short: {rows:,} of {element["length"]:,} rows of "{name}"')


def _labels(element: Mapping[str, Any] | None, count: int) -> Integers | None:
    """A PLY element's column of labels, else its colors as numbers; None when there are neither, or not one each."""
    columns = _columns(element, count)
    for name in LABEL_NAMES:
        if name in columns:
            return integer_labels(columns[name])
    if all(name in columns for name in ("red", "green", "blue")):
        red, green, blue = (np.asarray(columns[name]) for name in ("red", "green", "blue"))
        if red.dtype.kind == "f":
            red, green, blue = (np.rint(255 * channel.clip(0, 1)) for channel in (red, green, blue))
        return COLOR + (red.astype(np.int64) << 16) + (green.astype(np.int64) << 8) + blue.astype(np.int64)
    return None


def _columns(element: Mapping[str, Any] | None, count: int) -> dict[str, npt.NDArray[Any]]:
    data = {} if element is None else element.get("data")
    if data is None:
        return {}
    names = data.dtype.names if isinstance(data, np.ndarray) else list(data)
    columns = {str(name).lower(): np.asarray(data[name]) for name in names or ()}
    return {name: values.reshape(-1) for name, values in columns.items() if values.size == count}


def integer_labels(values: npt.NDArray[Any]) -> Integers | None:
    """Labels as int64, or None when they are not all whole numbers: an intensity, say."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    whole = bool((np.isfinite(values) & (np.rint(values) == values)).all())
    return values.astype(np.int64) if whole else None


def _normals(scene: Any) -> Floats | None:
    """The normals that a single PLY cloud brings."""
    (geometry, *others) = scene.geometry.values()
    element = geometry.metadata.get("_ply_raw", {}).get("vertex")
    columns = _columns(element, len(geometry.vertices))
    if others or not all(name in columns for name in ("nx", "ny", "nz")):
        return None
    return unit_normals(np.column_stack([columns[name] for name in ("nx", "ny", "nz")]).astype(np.float64))


def unit_normals(values: Floats) -> Floats | None:
    """The normals with length 1, or None when these three columns are something else: colors, say."""
    lengths = np.sqrt((values**2).sum(axis=1, keepdims=True))
    return values / lengths if bool((np.abs(lengths - 1) < 1e-2).all()) else None
