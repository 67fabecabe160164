"""COLMAP models as text: cameras.txt and images.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks._cameras import FileCamera, FileImage, tracks_from_images
from intertwine.data.tracks._tracks import Tracks


def read_colmap_text(folder: Path) -> Tracks:
    """The tracks of a COLMAP text model: its cameras, and the images with their points and poses.

    Args:
        folder: With cameras.txt and images.txt.

    Raises:
        UsageError: A line is not what was expected.
    """
    cameras = dict(_cameras(folder / "cameras.txt"))
    return tracks_from_images(str(folder), cameras, list(_images(folder / "images.txt")))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.startswith("#"):
                    yield number, line.strip()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file; expected COLMAP's text format") from None


def _cameras(path: Path) -> Iterator[tuple[int, FileCamera]]:
    for number, line in _lines(path):
        if not line:
            continue
        words = line.split()
        try:
            params = torch.tensor([float(word) for word in words[4:]], dtype=torch.float64)
            yield int(words[0]), FileCamera(words[1], int(words[2]), int(words[3]), params)
        except (ValueError, IndexError):
            raise UsageError(f"{path}, line {number}: expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS") from None


def _images(path: Path) -> Iterator[FileImage]:
    lines = _lines(path)
    for number, line in lines:
        if not line:
            continue
        words = line.split(maxsplit=9)
        try:
            pose = torch.tensor([float(word) for word in words[1:8]], dtype=torch.float64)
            camera, name = int(words[8]), words[9]
        except (ValueError, IndexError):
            raise UsageError(f"{path}, line {number}: expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME") from None
        _, seen = next(lines, (number, ""))
        try:
            values = np.array(seen.split(), dtype=np.float64).reshape(-1, 3)
        except ValueError:
            raise UsageError(f"{path}, line {number + 1}: expected triples X Y POINT3D_ID") from None
        table = torch.from_numpy(values)
        yield FileImage(name, camera, pose, table[:, :2].contiguous(), table[:, 2].long())
