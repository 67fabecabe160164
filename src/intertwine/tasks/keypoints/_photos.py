"""Photos of a folder as gray images, each in its own size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import image_files, read_image, to_float
from intertwine.data.images import IMAGE_SUFFIXES, with_channels
from intertwine.tasks._source import check_names, names_digest


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Gray photos.

    Attributes:
        pixels: Of each, ``(H, W)`` uint8.
        names: Of each, the path below the folder.
        skipped: Files that were left out, and why.
        remarks: What was done to the files, in words.
    """

    pixels: Sequence[Tensor]
    names: Sequence[str]
    skipped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, indices: Tensor | Sequence[int]) -> PhotoSet:
        """These photos, in this order."""
        order = indices.tolist() if isinstance(indices, Tensor) else list(indices)
        return PhotoSet([self.pixels[i] for i in order], [self.names[i] for i in order])

    def image(self, index: int) -> Tensor:
        """One photo ``(H, W)``, 0 to 1."""
        return to_float(self.pixels[index])

    @property
    def digest(self) -> str:
        """A hash of the names."""
        return names_digest(self.names)


def read_photos(
    folder: str, resolution: int, smallest: int, *, strict: bool = False, progress: ProgressCallback = no_progress
) -> PhotoSet:
    """The photos of a folder, or one file: gray, scaled down so that the shorter side is `resolution` at most.

    Args:
        folder: Its path.
        resolution: In pixels.
        smallest: Photos with a shorter side are left out.
        strict: Whether a file that cannot be read is an error.
        progress: Called with the number of files.

    Raises:
        UsageError: There are no photos; or, if strict, a file that cannot be read.
    """
    paths = photo_files(folder)
    root = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    pixels: list[Tensor] = []
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    for number, path in enumerate(paths, 1):
        name = path.relative_to(root).as_posix()
        try:
            found = read_image(path)
            height, width = found.pixels.shape[1:]
            if min(height, width) < smallest:
                raise UsageError(f"{path}: {width} x {height} pixels, less than {smallest} x {smallest}")
        except UsageError as error:
            if strict or "pip install" in str(error):
                raise
            skipped.append((name, str(error).removeprefix(f"{path}: ")))
        else:
            for remark in found.remarks:
                counts[remark] = counts.get(remark, 0) + 1
            pixels.append(_shrunk(found.pixels, resolution))
            names.append(name)
        progress(number, len(paths))
    if not pixels:
        raise UsageError(f"{folder}: none of {len(paths):,} images can be used; {skipped[0][0]}: {skipped[0][1]}")
    remarks = tuple(f"{remark} ({n} file{'s' * (n > 1)})" for remark, n in counts.items())
    return PhotoSet(pixels, names, tuple(skipped), remarks)


def photo_files(folder: str) -> list[Path]:
    """The image files of a folder, or the one file.

    Raises:
        UsageError: There are none.
    """
    path = Path(folder)
    if path.is_file():
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise UsageError(f"{path} is no image; expected a folder of photos ({', '.join(IMAGE_SUFFIXES)})")
        return [path]
    found = image_files(path)
    if not found:
        raise UsageError(f"{path} has no images; expected a folder of photos ({', '.join(IMAGE_SUFFIXES)})")
    return found


def iter_photos(folder: str, chunk: int, *, strict: bool) -> Iterator[PhotoSet]:
    """The photos of a folder in their own size, a chunk at a time.

    Raises:
        UsageError: As `read_photos`.
    """
    paths = photo_files(folder)
    root = Path(folder) if Path(folder).is_dir() else Path(folder).parent
    usable = False
    for begin in range(0, len(paths), chunk):
        pixels, names, skipped = [], [], []
        for path in paths[begin : begin + chunk]:
            name = path.relative_to(root).as_posix()
            try:
                pixels.append(gray_bytes(read_image(path).pixels))
            except UsageError as error:
                if strict or "pip install" in str(error):
                    raise
                skipped.append((name, str(error).removeprefix(f"{path}: ")))
            else:
                names.append(name)
        usable = usable or bool(names)
        if begin + chunk >= len(paths) and not usable:
            raise UsageError(f"{folder}: none of {len(paths):,} images can be read; {skipped[0][0]}: {skipped[0][1]}")
        yield PhotoSet(pixels, names, tuple(skipped))


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> PhotoSet:
    """The photos that a run was begun with.

    Raises:
        UsageError: They are gone, or others.
    """
    data = config["data"]
    photos = read_photos(data["source"], data["resolution"], config["training"]["crop"], progress=progress)
    check_names(data, photos.names, "photos")
    return photos


def gray_bytes(pixels: Tensor) -> Tensor:
    """``(H, W)`` uint8, of an image ``(C, H, W)`` of bytes or of numbers from 0 to 1."""
    return _bytes(to_float(with_channels(pixels, 1))[0])


def _shrunk(pixels: Tensor, resolution: int) -> Tensor:
    """``(H, W)`` uint8, gray, scaled so that the shorter side is `resolution` at most."""
    image = to_float(with_channels(pixels, 1))
    height, width = image.shape[1:]
    scale = resolution / min(height, width)
    if scale < 1:
        size = [max(resolution, round(side * scale)) for side in (height, width)]
        image = functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    return _bytes(image[0])


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().clamp(0, 255).to(torch.uint8)
