"""Users' folders of meshes and clouds: read once, sampled with a seed, kept in a cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._meshes import COLOR, MESH_SUFFIXES, integer_labels, require_trimesh
from intertwine.data._point_files import read_shape
from intertwine.data._ragged import offsets_of
from intertwine.data._recipes import Progress
from intertwine.data._sampling import Cloud, ShapeError, sample_unit
from intertwine.data._shape_folders import Entry, entries_of
from intertwine.data._shape_set import ShapeSet
from intertwine.data._split import Split

_FORMAT = 1
_MOST_PARTS = 256
PARTS = ("train", "validation", "test")


def read_shapes(
    folder: str | os.PathLike[str],
    points: int = 512,
    seed: int = 0,
    labels: Literal["class", "part"] = "class",
    *,
    draws: int = 1,
    strict: bool = False,
    progress: Progress | None = None,
) -> ShapeSet:
    """Every shape of a folder as a cloud in the unit sphere.

    Meshes (OFF, PLY, OBJ, STL, GLB, GLTF) are sampled by area, clouds (XYZ, TXT, PTS, NPZ, PLY without faces) are
    thinned or repeated; then the mean is moved to the origin and the farthest point to distance 1. Folders may be laid
    out as ModelNet or ShapeNetPart are, as class/files, or, for parts, flat. Axes are left as they are. The result is
    kept in `user_cache()` until a file of the folder changes.

    Args:
        folder: where the shapes are.
        points: how many points each cloud has.
        seed: one seed, one result, whatever else is in the folder.
        labels: "class", told by the folders; or "part", an integer or a color for each point of the files.
        draws: how many such clouds of each shape, drawn independently, one after the other along its points; see
            `ShapeSet.unfold`.
        strict: a bad file is an error, else it is skipped and listed.
        progress: called with (files read, files in all).

    Raises:
        UsageError: the folder is missing or holds no shapes that can be read, a bad file when strict, one class only
            when classes are asked for, one part only when parts are.
        ValueError: points, draws or seed are not positive whole numbers.

    >>> read_shapes("scans/", points=1024)    # doctest: +SKIP
    ShapeSet(412 shapes, 421888 points, 9 classes)
    """
    if points < 1 or draws < 1 or not 0 <= seed < 1 << 32 or labels not in ("class", "part"):
        raise ValueError(
            'expected points and draws >= 1, a seed from 0 to 2^32 - 1 and "class" or "part"; '
            f"got {points}, {draws}, {seed}, {labels!r}"
        )
    root = Path(folder)
    entries = entries_of(root)
    asked: dict[str, Any] = {"points": points, "seed": seed, "draws": draws, "labels": labels}
    place = hashlib.sha256(json.dumps([str(root.resolve()), asked]).encode()).hexdigest()[:16]
    cache = user_cache() / "shapes" / f"{place}.safetensors"
    key = {"format": _FORMAT, "files": _fingerprint(root, entries), **asked}
    tensors = _load(cache, key)
    if tensors is None:
        tensors = _pack(root, entries, _read_all(entries, _Drawn(points, seed, draws), labels, progress), labels)
        _store(cache, key, tensors)
    shapes = from_tensors(tensors)
    if strict and shapes.skipped:
        name, reason = shapes.skipped[0]
        raise UsageError(f'"{root / name}": {reason}')
    if labels == "class" and len(shapes.class_names) < 2:
        raise UsageError(f'"{root}" holds one class only, "{shapes.class_names[0]}"; expected a folder for each class')
    return shapes


class _Drawn(NamedTuple):
    """What is drawn from each file: clouds of so many points, from the seed on, so many of them."""

    points: int
    seed: int
    draws: int


class _Read(NamedTuple):
    """One file: its cloud, or why there is none."""

    cloud: Cloud | None
    reason: str = ""


def _read_all(entries: Sequence[Entry], drawn: _Drawn, labels: str, progress: Progress | None) -> list[_Read]:
    if any(entry.path.suffix.lower() in MESH_SUFFIXES for entry in entries):
        require_trimesh()
    result = []
    for entry in entries:
        result.append(_read_one(entry, drawn, labels == "part"))
        if progress is not None:
            progress(len(result), len(entries))
    return result


def _read_one(entry: Entry, drawn: _Drawn, with_parts: bool) -> _Read:
    try:
        shape = read_shape(entry.path)
        if entry.labels is not None and isinstance(shape, Cloud) and with_parts:
            shape = shape._replace(labels=_labels_beside(entry.labels, len(shape.points)))
        cloud = sample_unit(shape, *drawn)
        if with_parts and cloud.labels is None:
            raise ShapeError("no part labels; expected an integer label or a color for each point or face")
    except ShapeError as error:
        return _Read(None, str(error))
    return _Read(cloud if with_parts else cloud._replace(labels=None))


def _labels_beside(path: Path, count: int) -> Any:
    try:
        labels = integer_labels(np.loadtxt(path, dtype=np.float64, ndmin=1))
    except (OSError, ValueError) as error:
        raise ShapeError(f"{path.name}: {str(error).splitlines()[0][:100]}") from error
    if labels is None or labels.shape != (count,):
        raise ShapeError(f"{path.name}: expected {count:,} whole numbers, one for each point")
    return labels


def _fingerprint(root: Path, entries: Sequence[Entry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        for path in (entry.path, entry.labels):
            if path is not None:
                status = path.stat() if path.exists() else None
                stamp = (status.st_size, status.st_mtime_ns) if status else ()
                digest.update(repr((str(path.relative_to(root)), entry.label, entry.part, stamp)).encode())
    return digest.hexdigest()


def _pack(root: Path, entries: Sequence[Entry], read: Sequence[_Read], labels: str) -> dict[str, Tensor]:
    """All that a `ShapeSet` needs, as tensors: strings go into one of bytes."""
    names = [entry.path.relative_to(root).as_posix() for entry in entries]
    skipped = [(name, one.reason) for name, one in zip(names, read, strict=True) if one.cloud is None]
    kept = [(entry, one.cloud) for entry, one in zip(entries, read, strict=True) if one.cloud is not None]
    if not kept:
        raise UsageError(f'"{root}": none of {len(read):,} files can be read; the first, {names[0]}: {read[0].reason}')
    clouds = [cloud for _, cloud in kept]
    class_names = sorted({entry.label for entry, _ in kept})
    tensors = {
        "positions": torch.from_numpy(np.concatenate([cloud.points for cloud in clouds]).astype(np.float32)),
        "counts": torch.tensor([len(cloud.points) for cloud in clouds]),
        "classes": torch.tensor([class_names.index(entry.label) for entry, _ in kept]),
    }
    normals = [cloud.normals for cloud in clouds if cloud.normals is not None]
    if len(normals) == len(clouds):
        tensors["normals"] = torch.from_numpy(np.concatenate(normals).astype(np.float32))
    part_names: list[str] = []
    if labels == "part":
        local = any(entry.labels is not None for entry, _ in kept)  # numbered anew in each class
        tensors["parts"], part_names = _parts(root, [(entry.label if local else "", cloud) for entry, cloud in kept])
    if kept[0][0].part:
        tensors["split"] = torch.tensor([PARTS.index(entry.part) for entry, _ in kept])
    kept_names = [name for name, one in zip(names, read, strict=True) if one.cloud is not None]
    words = {"classes": class_names, "parts": part_names, "names": kept_names, "skipped": skipped}
    return {**tensors, "words": torch.frombuffer(bytearray(json.dumps(words).encode()), dtype=torch.uint8)}


def _parts(root: Path, clouds: Sequence[tuple[str, Cloud]]) -> tuple[Tensor, list[str]]:
    """Labels of the files -> an index of all different (class, label) pairs, and a name for each."""
    found = sorted({(label, int(value)) for label, cloud in clouds for value in np.unique(_labels_of(cloud))})
    if not 2 <= len(found) <= _MOST_PARTS:
        what = "one part only" if len(found) < 2 else f"{len(found):,} different labels or colors"
        raise UsageError(f'"{root}": the points have {what}; expected 2 to {_MOST_PARTS} parts')
    parts = []
    for label, cloud in clouds:
        mine = [(value, place) for place, (owner, value) in enumerate(found) if owner == label]
        values, places = (np.array(column, dtype=np.int64) for column in zip(*mine, strict=True))
        parts.append(places[np.searchsorted(values, _labels_of(cloud))])
    return torch.from_numpy(np.concatenate(parts)), [f"{label} {_name(value)}".strip() for label, value in found]


def _labels_of(cloud: Cloud) -> Any:
    assert cloud.labels is not None, "clouds without labels have been skipped"
    return cloud.labels


def _name(value: int) -> str:
    return str(value) if value < COLOR else f"#{value - COLOR:06x}"


def from_tensors(tensors: dict[str, Tensor]) -> ShapeSet:
    """The inverse of packing."""
    words = json.loads(bytes(tensors["words"].numpy()))
    parts = tensors.get("split")
    return ShapeSet(
        tensors["positions"],
        offsets_of(tensors["counts"]),
        tensors["classes"],
        tuple(words["classes"]),
        tensors.get("parts"),
        tuple(words["parts"]),
        tensors.get("normals"),
        words["names"],
        None if parts is None else _split(parts),
        tuple((name, reason) for name, reason in words["skipped"]),
    )


def _split(parts: Tensor) -> Split:
    train, validation, test = ((parts == place).nonzero().flatten() for place in range(len(PARTS)))
    return Split(len(parts), train, validation, test, seed=0)


def _load(cache: Path, key: dict[str, Any]) -> dict[str, Tensor] | None:
    try:
        return load_cached(cache, key)
    except ModuleNotFoundError:  # without safetensors nothing is kept
        return None


def _store(cache: Path, key: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    try:
        store_cached(cache, key, tensors)
    except ModuleNotFoundError:
        return
