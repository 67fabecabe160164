"""glTF reader: trimesh's scene, reduced to one surface or one cloud."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, cast
from urllib.parse import unquote

import numpy as np

from intertwine._regular_files import read_regular_file
from intertwine.data._sampling import Cloud, ShapeError, Surface

_GLB_HEAD = 20


def read_gltf(path: PurePath, content: bytes) -> Surface | Cloud:
    """All parts of the scene, moved to where the scene puts them, as one surface; or a cloud when none has faces.

    Buffers stand in the file itself, in a data URI, or in files beside it, whose names may be percent-encoded.

    Raises:
        ShapeError: trimesh cannot read it.
    """
    _check_counts(content)
    scene = _load(path, content)
    parts = [part for part in _parts(scene) if len(part.vertices)]
    surfaces = [part for part in parts if len(part.faces)]
    if not surfaces:
        return Cloud(np.concatenate([part.vertices for part in parts] or [np.zeros((0, 3))]))
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.faces + start for surface, start in zip(surfaces, starts, strict=False)]),
    )


class _FilesBeside:
    """The files that a glTF names, under their names with and without percent-encoding."""

    def __init__(self, path: PurePath) -> None:
        self.folder = Path(path).parent

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)

    def get(self, name: str) -> bytes:
        reasons = []
        for candidate in dict.fromkeys((unquote(name), name)):
            try:
                return read_regular_file(self.folder / candidate)
            except (OSError, ValueError) as error:
                reasons.append(getattr(error, "strerror", None) or str(error))
        raise FileNotFoundError(f'its buffer "{name[:60]}": {reasons[0]}')


def _check_counts(content: bytes) -> None:
    """Raise if an accessor without a buffer, which is all zeros, is larger than any the file could mean."""
    binary = content.startswith(b"glTF")
    size = int.from_bytes(content[12:16], "little") if binary else len(content)
    try:
        tree = json.loads(content[_GLB_HEAD : _GLB_HEAD + size] if binary else content)
        accessors = tree.get("accessors", []) if isinstance(tree, dict) else None
        counts = [int(accessor["count"]) for accessor in accessors or () if "bufferView" not in accessor]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ShapeError("damaged or cut short: its JSON is not glTF") from None
    if accessors is None or any(not 0 <= count <= len(content) for count in counts):
        raise ShapeError("an accessor without a buffer has more elements than the file has bytes")


def _load(path: PurePath, content: bytes) -> Any:
    import trimesh

    kind = path.suffix.lower()[1:]
    try:
        with _quiet():
            return trimesh.load_scene(
                trimesh.util.wrap_as_stream(content),
                file_type=kind,
                resolver=cast(Any, _FilesBeside(path)) if kind == "gltf" else None,
                process=False,
                skip_materials=True,
            )
    except Exception as error:  # trimesh raises what it meets
        lines = str(error).strip().splitlines()
        reason = f": {lines[0][:100]}" if lines else ""
        raise ShapeError(f"damaged or cut short ({type(error).__name__}{reason})") from error


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
        if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise ShapeError(f"a face names vertex {int(faces.max())} of {len(vertices):,}")
        vertices = vertices @ transform[:3, :3].T + transform[:3, 3]
        if np.linalg.det(transform[:3, :3]) < 0:
            faces = faces[:, ::-1]
        yield Surface(vertices, faces)
