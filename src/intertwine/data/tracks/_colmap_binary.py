"""COLMAP models as binary files: cameras.bin and images.bin."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks._cameras import FileCamera, FileImage, tracks_from_images
from intertwine.data.tracks._tracks import Tracks
from intertwine.ops.cameras import CAMERA_MODELS

MODEL_NAMES = {model.number: name for name, model in CAMERA_MODELS.items()}
_SEEN = np.dtype([("xy", "<f8", 2), ("point", "<i8")])


def read_colmap_binary(folder: Path) -> Tracks:
    """The tracks of a COLMAP binary model.

    Args:
        folder: With cameras.bin and images.bin.

    Raises:
        UsageError: A file is cut short or not of this format.
    """
    return tracks_from_images(str(folder), _cameras(folder / "cameras.bin"), _images(folder / "images.bin"))


class _Reader:
    """Values of a file in memory, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes, self.place = path, path.read_bytes(), 0

    def values(self, form: str) -> tuple[int | float, ...]:
        """The next values of a `struct` format, little-endian."""
        size = struct.calcsize("<" + form)
        return struct.unpack("<" + form, self.take(size))

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size < 0 or self.place + size > len(self.bytes):
            raise UsageError(f"{self.path}: cut short, or not a binary file of COLMAP")
        self.place += size
        return self.bytes[self.place - size : self.place]

    def text(self) -> str:
        """The next text, which ends with a zero byte."""
        end = self.bytes.find(b"\0", self.place)
        text = self.take(end - self.place)
        self.place += 1
        return text.decode("utf-8", errors="replace")


def _cameras(path: Path) -> dict[int, FileCamera]:
    reader = _Reader(path)
    cameras = {}
    for _ in range(int(reader.values("Q")[0])):
        number, model, width, height = reader.values("iiQQ")
        if model not in MODEL_NAMES:
            raise UsageError(f"{path}: camera model {model} is not known; expected 0 .. {max(MODEL_NAMES)}")
        name = MODEL_NAMES[int(model)]
        params = torch.tensor(reader.values(f"{CAMERA_MODELS[name].size}d"), dtype=torch.float64)
        cameras[int(number)] = FileCamera(name, int(width), int(height), params)
    return cameras


def _images(path: Path) -> list[FileImage]:
    reader = _Reader(path)
    images = []
    for _ in range(int(reader.values("Q")[0])):
        *values, camera = reader.values("i7di")
        name = reader.text()
        size = int(reader.values("Q")[0])
        seen = np.frombuffer(reader.take(size * _SEEN.itemsize), _SEEN)
        pose = torch.tensor(values[1:], dtype=torch.float64)
        xy, point = torch.tensor(seen["xy"].reshape(-1, 2)), torch.tensor(seen["point"])
        images.append(FileImage(name, int(camera), pose, xy, point))
    return images
