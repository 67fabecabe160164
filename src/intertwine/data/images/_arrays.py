"""Arrays of images in one file: IDX as MNIST has them, plain or gzip, and NumPy archives."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IMAGES = ("images", "x", "data", "image")
_LABELS = ("labels", "y", "label", "targets", "target", "values")
_PARTS = (("train", "train"), ("val", "validation"), ("valid", "validation"), ("test", "test"))
_IDX_PARTS = {"train": "train", "t10k": "test", "test": "test", "val": "validation", "validation": "validation"}


class ImageArrays(NamedTuple):
    """Images of one part of a split ("" for none): (N, ...), and labels (N,) or masks (N, H, W)."""

    part: str
    images: npt.NDArray[Any]
    labels: npt.NDArray[Any] | None = None
    masks: npt.NDArray[Any] | None = None


def is_idx(path: Path) -> bool:
    """Whether the file's name is that of an IDX file of images or volumes, such as train-images-idx3-ubyte.gz."""
    name = path.name.lower()
    return bool(re.search(r"idx\d?-?ubyte|\.idx\d?|-ubyte", name)) and "label" not in name


def idx_files(folder: Path) -> list[Path]:
    """The IDX files of images of a folder."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_idx(path))


def read_idx(path: Path) -> npt.NDArray[Any]:
    """The array of an IDX file, plain or gzip.

    Raises:
        UsageError: It is no IDX file, or truncated.
    """
    try:
        content = read_regular_file(path)
        if content[:2] == b"\x1f\x8b":
            content = _decompressed(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    return parse_idx(content, str(path))


_LARGEST_RATIO = 1032
"""No gzip file becomes larger by more (Deutsch, RFC 1951: 258 bytes from two bits)."""


def _decompressed(content: bytes) -> bytes:
    """The content of a gzip file: no more than its header says, and one byte, however large it would become."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        head = file.read(4)
        size = 4 * head[3] if len(head) == 4 else 0
        shape = file.read(size)
        kind = _IDX_TYPES.get(head[2] if len(head) == 4 else 0, ">u1")
        expected = prod(np.frombuffer(shape[: len(shape) // 4 * 4], ">u4").tolist()) * np.dtype(kind).itemsize
        return head + shape + file.read(min(expected, _LARGEST_RATIO * len(content)) + 1)


def parse_idx(content: bytes, name: str) -> npt.NDArray[Any]:
    """The array of the content of an IDX file.

    Raises:
        UsageError: It is none, or truncated.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise UsageError(f"{name}: no IDX file: it begins with {content[:4]!r}")
    kind, dimensions = np.dtype(_IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:start], ">u4").tolist() if len(content) >= start else [0]
    expected = prod(shape) * kind.itemsize
    if len(content) - start != expected or len(shape) != dimensions:
        raise UsageError(
            f"{name}: truncated or damaged: {' x '.join(map(str, shape))} needs {expected:,} bytes, "
            f"there are {max(0, len(content) - start):,}"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def read_idx_images(path: Path) -> list[ImageArrays]:
    """Images of a file, or of all files of a folder, each with the file of labels beside it.

    Raises:
        UsageError: There are none, or images and labels differ in number.
    """
    files = idx_files(path) if path.is_dir() else [path]
    arrays = []
    for file in files:
        images, beside = read_idx(file), _labels_beside(file)
        if images.ndim < 3:
            raise UsageError(f"{file}: expected images, rows and columns, got an array of shape {images.shape}")
        labels = None if beside is None else read_idx(beside)
        if labels is not None and (labels.ndim != 1 or len(labels) != len(images)):
            raise UsageError(f"{file} has {len(images):,} images, {beside} has labels of shape {labels.shape}")
        part = _IDX_PARTS.get(re.split(r"[-_.]", file.name.lower())[0], "") if len(files) > 1 else ""
        arrays.append(ImageArrays(part, images, labels))
    return arrays


def _labels_beside(path: Path) -> Path | None:
    """train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte, with or without .gz."""
    name = re.sub(r"idx\d", "idx1", path.name.replace("images", "labels"))
    stem = name.removesuffix(".gz")
    candidates = (path.with_name(name), path.with_name(stem), path.with_name(f"{stem}.gz"))
    return next((place for place in candidates if place != path and place.is_file()), None)


def read_npz_images(path: Path) -> list[ImageArrays]:
    """Images of an archive: images and labels (or masks), or the same with a part such as x_train, y_test.

    Raises:
        UsageError: There are none, or it is no archive of plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name.lower(): archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise UsageError(f"{path}: no archive of NumPy arrays ({' '.join(str(error).split())[:80]})") from error
    found = []
    for affix, part in (("", ""), *_PARTS):
        images = _pick(arrays, _IMAGES, affix)
        if images is None:
            continue
        labels, masks = _pick(arrays, _LABELS, affix), _pick(arrays, ("masks", "mask"), affix)
        labels = None if labels is None else labels.squeeze() if labels.ndim == 2 and labels.shape[1] == 1 else labels
        for name, values in (("labels", labels), ("masks", masks)):
            if values is not None and len(values) != len(images):
                raise UsageError(f"{path}: {len(images):,} images, {len(values):,} {name}")
        found.append(ImageArrays(part, images, labels, masks))
    if not found:
        names = ", ".join(arrays) or "nothing"
        raise UsageError(f"{path}: expected arrays images and labels, or x_train, y_train, x_test, y_test; got {names}")
    return found


def _pick(arrays: dict[str, npt.NDArray[Any]], names: tuple[str, ...], affix: str) -> npt.NDArray[Any] | None:
    keys = (key for name in names for key in ((name,) if not affix else (f"{name}_{affix}", f"{affix}_{name}")))
    return next((arrays[key] for key in keys if key in arrays), None)
