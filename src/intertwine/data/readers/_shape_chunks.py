"""Reader of shapes a chunk of files at a time: memory does not grow with their number."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._constructors import shapes
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data._sampling import Cloud, Floats, ShapeError, Surface, sample, to_unit_sphere, with_normals
from intertwine.data.readers._point_files import SHAPE_SUFFIXES, read_shape
from intertwine.data.readers._shape_folders import ShapeEntry, class_of_folder, list_shapes


class CloudChunk(NamedTuple):
    """Some files of a stream.

    clouds: what was sampled from them, in the unit sphere, with the files that were skipped since the last chunk;
    samples: the same points, (points, 3) each, and originals: all points of the file where it has points, else the
    samples, (n, 3) each; both in the file's own frame.
    """

    clouds: PointCloudSet
    samples: list[Floats]
    originals: list[Floats]


def iter_shapes(
    path: str | os.PathLike[str],
    points: int = 512,
    seed: int = 0,
    *,
    normals: bool = False,
    estimate_normals: bool = False,
    chunk: int = 64,
    strict: bool = False,
    progress: ProgressCallback = no_progress,
) -> Iterator[CloudChunk]:
    """The shapes of a folder, or of a single file, as clouds in the unit sphere, at most `chunk` of them at a time.

    Each is sampled as by `read_shapes`; its class is what its folder says. Nothing is cached.

    Args:
        path: a folder, laid out as for `read_shapes`, or a file.
        points: how many points each cloud has.
        seed: one seed, one cloud.
        normals: whether a file without normals is skipped.
        estimate_normals: whether the points of such a file get normals up to sign, from their nearest points; the
            cloud field ``estimated`` then says which.
        chunk: the most files that one item holds.
        strict: a bad file is an error, else it is skipped and listed.
        progress: called with (files read, files in all).

    Raises:
        UsageError: there is nothing to read, nothing that can be read, or, if strict, a file that cannot.
    """
    root, entries = _list_entries(Path(path))
    block: list[_Sampled] = []
    skipped: list[tuple[str, str]] = []
    empty = True
    for number, entry in enumerate(entries, 1):
        try:
            sampled = _sample(root, entry, points, seed, normals, estimate_normals)
        except ShapeError as error:
            if strict:
                raise UsageError(f"{entry.path}: {error}") from error
            skipped.append((entry.path.relative_to(root).as_posix(), str(error)))
        else:
            if len(block) == chunk:
                yield _to_chunk(block, skipped, estimate_normals)
                block, skipped = [], []
            block.append(sampled)
            empty = False
        progress(number, len(entries))
    if empty:
        name, reason = skipped[0]
        if len(entries) == 1:
            raise UsageError(f"{entries[0].path}: {reason}")
        raise UsageError(f"{path}: none of {len(entries):,} files can be read; the first, {name}: {reason}")
    yield _to_chunk(block, skipped, estimate_normals)


def sample_shapes(
    items: Iterable[tuple[str, str, Surface | Cloud]],
    points: int = 512,
    seed: int = 0,
    *,
    normals: bool = False,
    estimate_normals: bool = False,
    chunk: int = 64,
) -> Iterator[CloudChunk]:
    """Shapes in memory as clouds in the unit sphere, sampled as `iter_shapes` samples those of files.

    Args:
        items: name, name of the class, and shape.
        points: how many points each cloud has.
        seed: one seed, one cloud.
        normals: whether a shape without normals is refused.
        estimate_normals: whether the points of such a shape get normals up to sign, from their nearest points; the
            cloud field ``estimated`` then says which.
        chunk: the most shapes that one item holds.

    Raises:
        UsageError: a shape cannot be sampled.
    """
    every = iter(items)
    while named := list(islice(every, chunk)):
        block = []
        for name, label, shape in named:
            try:
                block.append(_sample_shape(name, label, shape, points, seed, normals, estimate_normals))
            except ShapeError as error:
                raise UsageError(f"shape {name}: {error}") from error
        yield _to_chunk(block, (), estimate_normals)


class _Sampled(NamedTuple):
    name: str
    label: str
    cloud: Cloud
    original: Floats


def _list_entries(path: Path) -> tuple[Path, Sequence[ShapeEntry]]:
    if path.is_dir():
        return path, list_shapes(path)
    if path.suffix.lower() not in SHAPE_SUFFIXES:
        raise UsageError(f'"{path.name}" is no shape: expected a file that ends in {", ".join(SHAPE_SUFFIXES)}')
    return path.parent, [ShapeEntry(path, class_of_folder(path.parent))]


def _sample(root: Path, entry: ShapeEntry, points: int, seed: int, normals: bool, estimate: bool) -> _Sampled:
    name = entry.path.relative_to(root).as_posix()
    return _sample_shape(name, entry.label, read_shape(entry.path), points, seed, normals, estimate)


def _sample_shape(
    name: str, label: str, shape: Surface | Cloud, points: int, seed: int, normals: bool, estimate: bool
) -> _Sampled:
    cloud = sample(shape, points, seed)
    if estimate:
        cloud = with_normals(cloud)
    if normals and cloud.normals is None:
        raise ShapeError("no normals, which this model needs")
    original = shape.points if isinstance(shape, Cloud) else cloud.points
    return _Sampled(name, label, cloud, original)


def _to_chunk(block: Sequence[_Sampled], skipped: Sequence[tuple[str, str]], estimate: bool) -> CloudChunk:
    class_names = sorted({one.label for one in block})
    clouds = [one.cloud for one in block]
    normals = [cloud.normals for cloud in clouds if cloud.normals is not None]
    return CloudChunk(
        shapes(
            torch.from_numpy(np.concatenate([to_unit_sphere(cloud.points) for cloud in clouds]).astype(np.float32)),
            offsets_from_counts(torch.tensor([len(cloud.points) for cloud in clouds])),
            torch.tensor([class_names.index(one.label) for one in block]),
            class_names,
            normals=torch.from_numpy(np.concatenate(normals).astype(np.float32))
            if len(normals) == len(clouds)
            else None,
            estimated=torch.tensor([cloud.estimated for cloud in clouds]) if estimate else None,
            names=[one.name for one in block],
            skipped=skipped,
        ),
        [cloud.points for cloud in clouds],
        [one.original for one in block],
    )
