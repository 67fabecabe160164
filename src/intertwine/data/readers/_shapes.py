"""Reader of folders of meshes and clouds: sampled with a seed, and cached."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine._regular_files import read_regular_file
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._constructors import shapes
from intertwine.data._packing import pack_clouds, unpack_clouds
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data._sampling import Cloud, ShapeError, sample_in_unit_sphere
from intertwine.data._split import SPLIT_PARTS, split_from_parts
from intertwine.data.readers._columns import COLOR, integer_labels
from intertwine.data.readers._point_files import read_shape
from intertwine.data.readers._shape_folders import ShapeEntry, list_shapes
from intertwine.data.readers.meshes import require_trimesh

_FORMAT = 4
_MAX_PARTS = 256


def read_shapes(
    folder: str | os.PathLike[str],
    points: int = 512,
    seed: int = 0,
    labels: Literal["class", "part"] = "class",
    *,
    draws: int = 1,
    estimate_normals: bool = False,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> PointCloudSet:
    """Every shape of a folder as a cloud in the unit sphere.

    Meshes (OFF, PLY, OBJ, STL, GLB, GLTF) are sampled by area, clouds (XYZ, TXT, PTS, NPZ, PLY without faces) are
    thinned or repeated; then the mean is moved to the origin and the farthest point to distance 1. Folders may be laid
    out as ModelNet or ShapeNetPart are, as class/files, or, for parts, flat. Axes are left as they are. The result is
    cached in `user_cache()` until a file of the folder changes.

    Args:
        folder: where the shapes are.
        points: how many points each cloud has.
        seed: one seed, one result, whatever else is in the folder.
        labels: "class", told by the folders; or "part", an integer or a color for each point of the files.
        draws: how many such clouds of each shape, drawn independently, one after the other along its points; see
            `PointCloudSet.unfold`.
        estimate_normals: whether the points of a file without normals get those of the planes through their nearest
            points, up to sign; the cloud field ``estimated`` then says which.
        strict: a bad file is an error, else it is skipped and listed.
        progress: called with (files read, files in all).

    Raises:
        UsageError: the folder is missing or holds no shapes that can be read, a bad file when strict, one class only
            when classes are asked for, one part only when parts are.
        ValueError: points, draws or seed are not positive whole numbers.

    >>> read_shapes("scans/", points=1024)    # doctest: +SKIP
    PointCloudSet(412 clouds, 421888 points; of points: normals; of clouds: classes)
    """
    if points < 1 or draws < 1 or not 0 <= seed < 1 << 32 or labels not in ("class", "part"):
        raise ValueError(
            'expected points and draws >= 1, a seed from 0 to 2^32 - 1 and "class" or "part"; '
            f"got {points}, {draws}, {seed}, {labels!r}"
        )
    root = Path(folder)
    entries = list_shapes(root)
    settings: dict[str, Any] = {"points": points, "seed": seed, "draws": draws, "labels": labels}
    if estimate_normals:
        settings["estimate_normals"] = True
    digest = hashlib.sha256(json.dumps([str(root.resolve()), settings]).encode()).hexdigest()[:16]
    cache = user_cache() / "shapes" / f"{digest}.safetensors"
    key = {"format": _FORMAT, "files": _fingerprint(root, entries), **settings}
    tensors = _load(cache, key)
    if tensors is None:
        read = _read_all(entries, _Sampling(points, seed, draws, estimate_normals), labels, progress)
        clouds = _to_clouds(root, entries, read, labels, estimate_normals)
        _store(cache, key, pack_clouds(clouds))
    else:
        clouds = unpack_clouds(tensors)
    if strict and clouds.skipped:
        name, reason = clouds.skipped[0]
        raise UsageError(f'"{root / name}": {reason}')
    classes = clouds.label_names["classes"]
    if labels == "class" and len(classes) < 2:
        raise UsageError(f'"{root}" holds one class only, "{classes[0]}"; expected a folder for each class')
    return clouds


class _Sampling(NamedTuple):
    """What is drawn from each file: clouds of so many points, from the seed on, so many of them; with normals."""

    points: int
    seed: int
    draws: int
    estimate_normals: bool


class _ReadFile(NamedTuple):
    """One file: its cloud, or why there is none."""

    cloud: Cloud | None
    reason: str = ""


def _read_all(
    entries: Sequence[ShapeEntry], sampling: _Sampling, labels: str, progress: ProgressCallback
) -> list[_ReadFile]:
    for suffix in {entry.path.suffix for entry in entries}:
        require_trimesh(suffix)
    result = []
    for entry in entries:
        result.append(_read_file(entry, sampling, labels == "part"))
        progress(len(result), len(entries))
    return result


def _read_file(entry: ShapeEntry, sampling: _Sampling, with_parts: bool) -> _ReadFile:
    try:
        shape = read_shape(entry.path)
        if entry.labels is not None and isinstance(shape, Cloud) and with_parts:
            shape = shape._replace(labels=_labels_beside(entry.labels, len(shape.points)))
        points, seed, draws, estimate = sampling
        cloud = sample_in_unit_sphere(shape, points, seed, draws, estimate_normals=estimate)
        if with_parts and cloud.labels is None:
            raise ShapeError(
                "no part labels; expected an integer label or a color for each point or face; of text, a header such"
                ' as "x y z label" names the columns'
            )
    except ShapeError as error:
        return _ReadFile(None, str(error))
    return _ReadFile(cloud if with_parts else cloud._replace(labels=None))


def _labels_beside(path: Path, count: int) -> Any:
    try:
        labels = integer_labels(np.loadtxt(BytesIO(read_regular_file(path)), dtype=np.float64, ndmin=1))
    except (OSError, ValueError) as error:
        raise ShapeError(f"{path.name}: {str(error).splitlines()[0][:100]}") from error
    if labels is None or labels.shape != (count,):
        raise ShapeError(f"{path.name}: expected {count:,} whole numbers, one for each point")
    return labels


def _fingerprint(root: Path, entries: Sequence[ShapeEntry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        for path in (entry.path, entry.labels):
            if path is not None:
                status = path.stat() if path.exists() else None
                stamp = (status.st_size, status.st_mtime_ns) if status else ()
                digest.update(repr((str(path.relative_to(root)), entry.label, entry.part, stamp)).encode())
    return digest.hexdigest()


def _to_clouds(
    root: Path, entries: Sequence[ShapeEntry], read: Sequence[_ReadFile], labels: str, estimate: bool
) -> PointCloudSet:
    names = [entry.path.relative_to(root).as_posix() for entry in entries]
    readable = [(entry, one.cloud) for entry, one in zip(entries, read, strict=True) if one.cloud is not None]
    if not readable:
        raise UsageError(f'"{root}": none of {len(read):,} files can be read; the first, {names[0]}: {read[0].reason}')
    clouds = [cloud for _, cloud in readable]
    class_names = sorted({entry.label for entry, _ in readable})
    normals = [cloud.normals for cloud in clouds if cloud.normals is not None]
    parts: Tensor | None = None
    part_names: list[str] = []
    if labels == "part":
        local = any(entry.labels is not None for entry, _ in readable)  # numbered anew in each class
        parts, part_names = _parts(root, [(entry.label if local else "", cloud) for entry, cloud in readable])
    split = None
    if readable[0][0].part:
        split = split_from_parts(torch.tensor([SPLIT_PARTS.index(entry.part) for entry, _ in readable]))
    return shapes(
        torch.from_numpy(np.concatenate([cloud.points for cloud in clouds]).astype(np.float32)),
        offsets_from_counts(torch.tensor([len(cloud.points) for cloud in clouds])),
        torch.tensor([class_names.index(entry.label) for entry, _ in readable]),
        class_names,
        parts,
        part_names,
        torch.from_numpy(np.concatenate(normals).astype(np.float32)) if len(normals) == len(clouds) else None,
        estimated=torch.tensor([cloud.estimated for cloud in clouds]) if estimate else None,
        names=[name for name, one in zip(names, read, strict=True) if one.cloud is not None],
        split=split,
        skipped=[(name, one.reason) for name, one in zip(names, read, strict=True) if one.cloud is None],
    )


def _parts(root: Path, clouds: Sequence[tuple[str, Cloud]]) -> tuple[Tensor, list[str]]:
    """Labels of the files -> an index of all different (class, label) pairs, and a name for each."""
    found = sorted({(label, int(value)) for label, cloud in clouds for value in np.unique(_labels_of(cloud))})
    if not 2 <= len(found) <= _MAX_PARTS:
        what = "one part only" if len(found) < 2 else f"{len(found):,} different labels or colors"
        raise UsageError(f'"{root}": the points have {what}; expected 2 to {_MAX_PARTS} parts')
    parts = []
    for label, cloud in clouds:
        known = [(value, part) for part, (owner, value) in enumerate(found) if owner == label]
        values, numbers = (np.array(column, dtype=np.int64) for column in zip(*known, strict=True))
        parts.append(numbers[np.searchsorted(values, _labels_of(cloud))])
    return torch.from_numpy(np.concatenate(parts)), [f"{label} {_name(value)}".strip() for label, value in found]


def _labels_of(cloud: Cloud) -> Any:
    assert cloud.labels is not None, "clouds without labels have been skipped"
    return cloud.labels


def _name(value: int) -> str:
    return str(value) if value < COLOR else f"#{value - COLOR:06x}"


def _load(cache: Path, key: dict[str, Any]) -> dict[str, Tensor] | None:
    try:
        return load_cached(cache, key)
    except ModuleNotFoundError:  # without safetensors nothing is cached
        return None


def _store(cache: Path, key: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    try:
        store_cached(cache, key, tensors)
    except ModuleNotFoundError:
        return
